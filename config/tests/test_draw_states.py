"""docs/states.md and the command that draws it."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.management.commands import draw_states


def test_the_page_is_what_the_code_says() -> None:
    """A transition added, renamed or removed makes the committed page stale."""
    call_command("draw_states", check=True)


def test_a_stale_page_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing counts as stale; drawing mends it."""
    monkeypatch.setattr(draw_states, "PAGE", tmp_path / "states.md")
    with pytest.raises(CommandError, match="make states"):
        call_command("draw_states", check=True)
    call_command("draw_states")
    call_command("draw_states", check=True)
    draw_states.PAGE.write_text(draw_states.PAGE.read_text().replace("processing --> paid", "processing --> void"))
    with pytest.raises(CommandError, match="stale"):
        call_command("draw_states", check=True)


def test_every_machine_is_drawn_with_every_step() -> None:
    """Each (source, target) pair of each machine has its arrow."""
    page = draw_states.draw()
    for model, field in draw_states.machines():
        assert f"## {str(model._meta.verbose_name).capitalize()}\n" in page
        for transition in field.get_all_transitions(model):
            source = transition.source if transition.source != "*" else field.get_default()
            assert f"    {source} --> {transition.target}: {transition.name}\n" in page
