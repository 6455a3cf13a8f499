"""The frame around all commands: puts together what was found, and makes a line and an exit code of every problem."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from counterfoil.cli import version as versions
from counterfoil.cli.command import Command
from counterfoil.cli.extras import missing
from counterfoil.cli.guard import Guarded
from counterfoil.cli.registry import load_plugged, own, plugged
from counterfoil.errors import CounterfoilError, EntryPointError, MissingExtraError
from counterfoil.proxies import spare_loopback
from counterfoil.terminal import complain

_ABOUT = "Joint analyses on data that organisations may not show each other."


class Frame(Guarded):
    """All commands: those of this package, and those that others add, which are imported when they are asked for."""

    def invoke(self, ctx: Any) -> Any:
        spare_loopback()
        try:
            return super().invoke(ctx)
        except CounterfoilError as error:
            complain(f"{error} (counterfoil help {error.exit_code})")
            raise typer.Exit(error.exit_code) from None
        except ModuleNotFoundError as error:
            lacking = _lacking(error, str(ctx.invoked_subcommand))
            if lacking is None:
                raise
            complain(lacking)
            raise typer.Exit(lacking.exit_code) from None

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *plugged()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if (command := super().get_command(ctx, cmd_name)) is not None or cmd_name not in plugged():
            return command
        try:
            return _plugged(load_plugged(plugged()[cmd_name]))
        except (EntryPointError, ModuleNotFoundError) as error:
            return _broken(cmd_name, error)


def build() -> typer.Typer:
    """Put the commands of this package into one frame."""
    app = typer.Typer(
        cls=Frame, help=_ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )

    @app.callback()
    def counterfoil(
        version: Annotated[
            bool, typer.Option("--version", callback=versions.show, is_eager=True, help="Print version and formats.")
        ] = False,
    ) -> None:
        """Joint analyses on data that organisations may not show each other."""

    groups: dict[str, typer.Typer] = {}
    for each in own():
        group, _, name = each.name.rpartition(" ")
        if isinstance(each.does, typer.Typer):
            groups[each.name] = copy(each.does)  # what other modules add is added to this frame's group alone
            groups[each.name].registered_commands = [*each.does.registered_commands]
            groups[each.name].registered_groups = [*each.does.registered_groups]
            (groups[group] if group else app).add_typer(groups[each.name], name=each.name.rpartition(" ")[2])
        else:
            (groups[group] if group else app).command(name)(each.does)
    return app


def _plugged(command: Command) -> Any:
    """Make what Typer runs of one command that another package added."""
    if isinstance(command.does, typer.Typer):
        return get_command(command.does)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(command.name)(command.does)
    return get_command(alone)


def _broken(name: str, error: EntryPointError | ModuleNotFoundError) -> Any:
    """Make a command that ends in the error: what is wrong with one spoils neither the others nor their list."""

    def fail() -> None:
        raise error

    return TyperCommand(
        name,
        callback=fail,
        help=f"Cannot be run: {error}.",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _lacking(error: ModuleNotFoundError, command: str) -> MissingExtraError | None:
    """Name the extra that has what the command could not import, if one has it, or the package that adds it."""
    extras = {each.name: each.extra for each in own()}
    if command in plugged():
        with suppress(ModuleNotFoundError, EntryPointError):
            extras[command] = load_plugged(plugged()[command]).extra
    found = missing(error.name, extras.get(command, ""))
    if found is None and command in plugged():
        found = MissingExtraError(
            f"the command {command}, which another package adds, needs {error.name}, which is not installed; install it"
        )
    return found
