"""Reference of the commands: what `--help` says, a page a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from typer.main import get_command

from counterfoil.cli import app
from docs.site.text import cell, code, escape, table, toctree


def commands(at: Any = None, name: str = "counterfoil") -> Iterator[tuple[str, Any]]:
    """Yield every command that can be typed, and each group before its own, by its full name."""
    at = at or get_command(app)
    yield name, at
    for each in at.list_commands(None) if hasattr(at, "list_commands") else ():
        command = at.get_command(None, each)
        if not command.hidden:
            yield from commands(command, f"{name} {each}")


def pages() -> Mapping[str, str]:
    """Set a page for each group, and one for the commands without a group."""
    program = get_command(app)
    groups = {name.split()[1]: each for name, each in commands() if name.count(" ") == 1 and hasattr(each, "commands")}
    alone = [(name, each) for name, each in commands() if name.count(" ") == 1 and not hasattr(each, "commands")]
    made = {
        f"reference/commands/{group}.md": f"# counterfoil {group}\n\n{escape(command.help or '')}\n\n"
        + "".join(
            _command(name, each)
            for name, each in commands(command, f"counterfoil {group}")
            if not hasattr(each, "commands")
        )
        for group, command in groups.items()
    }
    made["reference/commands/others.md"] = "# Commands without a group\n\n" + "".join(
        _command(name, each) for name, each in alone
    )
    rows = [
        [f"[`{name}`]({_page(name, groups)}#{name.replace(' ', '-')})", cell((each.help or "").split("\n\n")[0])]
        for name, each in commands()
        if not hasattr(each, "commands")
    ]
    made["reference/commands/index.md"] = (
        f"# Commands\n\n{escape(program.help or '')}\nThe same is on your terminal: every command explains itself with "
        "`--help`.\n\n" + table(("command", "what it does"), rows) + toctree([*groups, "others"], "hidden:")
    )
    return made


def _page(name: str, groups: Mapping[str, Any]) -> str:
    group = name.split()[1]
    return f"{group if group in groups else 'others'}.md"


def _command(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context)).replace("{", "").replace("}", "")
    text = (command.help or "").replace("\b\n", "")
    blocks = [_paragraph(block) for block in text.split("\n\n")]
    made = f"## {name}\n\n```sh\n{name} {usage}\n```\n\n" + "\n\n".join(blocks) + "\n\n"
    rows = [_parameter(each, context) for each in command.params if not getattr(each, "hidden", False)]
    return made + (table(("argument or option", "takes", "meaning"), rows) + "\n" if rows else "")


def _paragraph(block: str) -> str:
    lines = block.strip()
    if lines.startswith(("Example: ", "Examples: ")):
        label, _, rest = lines.partition(": ")
        return f"{label}:\n\n```sh\n{rest}\n```"
    return escape(lines)


def _kind(shown: str) -> str:
    """Name a type as the help shows it, of one value: `path`, not `<list[Path]>`."""
    return shown.strip("<>").removeprefix("list[").removesuffix("]").replace("Path", "path").replace("str", "text")


def _parameter(each: Any, context: Any) -> list[str]:
    names = ", ".join(code(name) for name in (*each.opts, *each.secondary_opts))
    takes = "" if getattr(each, "is_flag", False) else code(_kind(each.display_type(ctx=context)))
    notes = [cell(getattr(each, "help", None) or "")]
    if each.required:
        notes.append("Required.")
    if each.multiple or each.nargs == -1:
        notes.append("May be given several times.")
    default = each.default
    if getattr(each, "show_default", True) and default not in (None, False, True, "", (), []) and not callable(default):
        notes.append(f"Default: {code(getattr(default, 'value', default))}.")
    if each.envvar:
        notes.append(f"Also from the environment: {code(each.envvar)}.")
    return [names, takes, " ".join(note for note in notes if note)]
