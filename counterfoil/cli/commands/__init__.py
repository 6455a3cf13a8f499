"""The commands, one file a command or a group of them: a module here that states a `COMMAND` is one."""
