"""Form fields in the face's markup: label, control, hint, and the error in the hint's place."""

from typing import Any

from django.forms import BaseForm, BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.forms.widgets import HiddenInput


def field_context(
    bound: BoundField, *, hint: Any = "", unit: str = "", lead: str = "", wide: bool = False, bare: bool = False
) -> dict[str, Any]:
    """Return what ``components/field.html`` needs for one bound field.

    ``hint`` replaces the field's help text, ``lead`` and ``unit`` stand inside the control before and behind the value
    (a currency code, a percent sign) and set figures to the right.
    """
    widget = bound.field.widget
    text = "" if bare else hint or bound.help_text
    errors = list(bound.errors)
    key = bound.id_for_label or bound.auto_id
    described = f"{key}_error" if errors else f"{key}_hint" if text else ""
    attrs: dict[str, Any] = {}
    if described:
        attrs["aria-describedby"] = described
    if errors:
        attrs["aria-invalid"] = "true"
    kind = _kind(bound)
    if str(bound.label).casefold() in str(widget.attrs.get("placeholder", "")).casefold():
        widget.attrs.pop("placeholder", None)  # it would say the label once more, and vanish at the first letter
    if kind == "input":
        given = f" {widget.attrs['class']}" if "class" in widget.attrs else ""
        attrs["class"] = f"input{' input-num' if unit or lead else ''}{given}"
    return {
        "bound": bound,
        "kind": kind,
        "control": bound.as_widget(attrs=attrs) if kind != "choices" else "",
        "options": list(bound) if kind == "choices" else [],
        "key": key,
        "label": bound.label,
        "hint": text,
        "described": described,
        "errors": errors,
        "optional": not bound.field.required and kind == "input" and not bound.field.disabled,
        "lead": lead,
        "unit": unit,
        "wide": wide,
        "locked": bound.field.disabled,
    }


def _kind(bound: BoundField) -> str:
    widget = bound.field.widget
    if isinstance(widget, HiddenInput):
        return "hidden"
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    if isinstance(widget, CheckboxInput):
        return "switch" if widget.attrs.get("role") == "switch" else "check"
    return "input"


def errors_context(form: BaseForm) -> dict[str, Any]:
    """Return the form's own errors, and each faulty field with its label, anchor and first sentence."""
    fields = [
        {"label": bound.label, "key": bound.id_for_label or bound.auto_id, "text": bound.errors[0]}
        for bound in form
        if bound.errors
    ]
    return {"general": list(form.non_field_errors()), "fields": fields}
