"""Tags make the look's own markup."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django import forms
from django.template import Context, Template
from django.utils import timezone

from ftplatform.ui import glyphs


def rendered(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


def test_a_badge_is_a_glyph_and_a_word() -> None:
    assert rendered('{% badge "good" "Resolved" %}') == (
        '<span class="badge"><svg class="glyph good" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="7"/>'
        '<path class="cut" d="m4.8 8.2 2.2 2.2 4.2-4.6"/></svg><span>Resolved</span></span>'
    )


@pytest.mark.parametrize("state", [*glyphs.GLYPHS, "run"])
def test_each_state_has_a_shape_of_its_own(state: str) -> None:
    same = {
        other for other in [*glyphs.GLYPHS, "run"] if glyphs.glyph(other, tone=False) == glyphs.glyph(state, tone=False)
    }
    assert same <= {"good", "done"} or same == {state}


def test_a_badge_escapes_its_word() -> None:
    assert "<script>" not in rendered('{% badge "bad" word %}', word="<script>alert(1)</script>")


def test_progress_shows_done_total_and_what_is_left() -> None:
    html = rendered('{% progress 124 200 "Run 9" "12 min left" %}<b>124</b> of 200 steps{% endprogress %}')
    assert '<progress value="124" max="200" aria-label="Run 9"></progress>' in html
    assert '<p><span><b>124</b> of 200 steps</span><span class="soft">12 min left</span></p>' in html


def test_progress_without_a_total_claims_no_share() -> None:
    assert "<progress aria-label" in rendered('{% progress 7 None "Import" %}7 rows{% endprogress %}')


def test_progress_escapes_its_words_and_class() -> None:
    html = rendered(
        "{% progress 1 2 label right kind %}{{ label }}{% endprogress %}", label='"><i>', right="<i>", kind='"><i>'
    )
    assert "<i>" not in html


def test_a_key_prints_its_cap_and_is_bound() -> None:
    assert rendered('{% key "u" "Undo" %}') == '<button type="button" data-key="u"><kbd>u</kbd>Undo</button>'


def test_ago_has_the_exact_time_on_hover() -> None:
    html = rendered("{% ago at %}", at=timezone.now() - timedelta(minutes=5))
    assert ">5 min ago</time>" in html
    assert 'title="' in html and "UTC" in html
    assert rendered("{% ago at %}", at=None) == "–"


def test_a_forest_is_hollow_when_its_interval_holds_zero() -> None:
    assert 'class="open"' in rendered("{% forest 0.12 -0.05 0.29 -0.7 1.1 0.1 'plus 0.12' %}")
    assert 'class="point"' in rendered("{% forest 0.58 0.37 0.79 -0.7 1.1 0.1 'plus 0.58' %}")


def test_a_forest_places_points_in_percent_of_its_axis() -> None:
    html = rendered("{% forest 0.2 0.1 0.3 -1 1 0.1 'x' %}")
    assert '<line class="zero" x1="50.0%" x2="50.0%"' in html
    assert '<line class="ci" x1="55.0%" x2="65.0%"' in html
    assert '<rect class="margin" x="45.0%" width="10.0%"' in html


@pytest.mark.parametrize("missing", ["None 0.1 0.2", "0.1 None 0.2", "0.1 0.05 None"])
def test_a_forest_without_a_figure_is_empty(missing: str) -> None:
    assert rendered(f"{{% forest {missing} -1 1 %}}") == ""


def test_a_forest_far_outside_stays_within_its_cell() -> None:
    html = rendered("{% forest 50 40 60 -1 1 %}")
    assert 'cx="101.0%"' in html


def test_an_unknown_icon_is_an_error() -> None:
    with pytest.raises(KeyError):
        rendered('{% icon "rocket" %}')


class Form(forms.Form):
    rate = forms.FloatField(label="Learning rate", help_text="1e-5 to 5e-5")
    loud = forms.BooleanField(label="Loud", required=False)


def test_a_field_ties_help_and_error_to_its_control() -> None:
    html = rendered("{% field form.rate %}", form=Form({"rate": "much"}))
    assert 'aria-describedby="id_rate-help id_rate-error"' in html
    assert 'aria-invalid="true"' in html
    assert 'value="much"' in html, "an error keeps what was typed"
    assert 'id="id_rate-error"' in html


def test_a_checkbox_stands_in_its_label() -> None:
    assert '<label class="tick"><input type="checkbox"' in rendered("{% field form.loud %}", form=Form())


def test_no_template_asks_a_mapping_for_its_items() -> None:
    """A column or field that people called "items" would be what it gets."""
    asked = re.compile(r"{%\s*for [^%]*\.items\s*%}")
    found = [str(path) for path in Path("templates").rglob("*.html") if asked.search(path.read_text())]
    assert not found, "loop over `mapping|pairs`"
