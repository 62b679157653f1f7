"""Dialogues with GTK 3."""

from pathlib import Path
from typing import Any

from visard.tray import system_gi
from visard.tray.dialogs import File, Form, Notice, Question

_SPACE = 12
_THUMBNAIL = 160
_CHOOSER = (820, 540)
"""Width and height, pixels."""


def available() -> bool:
    """Tell whether GTK and a display are here."""
    if not system_gi.find():
        return False
    try:
        return bool(_gtk().init_check()[0])
    except (ImportError, ValueError):
        return False


def _gtk() -> Any:
    import gi

    gi.require_version("Gtk", "3.0")
    from gi.repository import Gtk

    return Gtk


def _dialog(title: str, buttons: list[tuple[str, int]]) -> tuple[Any, Any]:
    """Return a dialogue in front of everything and the box for what is in it."""
    dialog = _gtk().Dialog(title=title, icon_name="visard")
    for label, response in buttons:
        dialog.add_button(label, response)
    dialog.set_keep_above(True)
    dialog.set_position(_gtk().WindowPosition.CENTER)
    dialog.set_border_width(_SPACE // 2)
    dialog.set_resizable(False)
    box = dialog.get_content_area()
    box.set_spacing(_SPACE)
    box.set_border_width(_SPACE)
    return dialog, box


def _run(dialog: Any) -> int:
    dialog.show_all()
    dialog.present()
    return int(dialog.run())


def _text(text: str) -> Any:
    label = _gtk().Label(label=text, xalign=0, wrap=True, selectable=False)
    label.set_max_width_chars(52)
    return label


def question(said: Question) -> bool:
    """Ask; the safe answer is under the Enter key."""
    reply = _gtk().ResponseType
    dialog, box = _dialog(said.title, [(said.no, reply.NO), (said.yes, reply.YES)])
    box.add(_text(said.text))
    danger = dialog.get_widget_for_response(reply.YES).get_style_context()
    danger.add_class("destructive-action")
    dialog.set_default_response(reply.NO)
    return bool(_run(dialog) == reply.YES)


def notice(said: Notice) -> None:
    """Tell."""
    reply = _gtk().ResponseType
    dialog, box = _dialog(said.title, [(said.close, reply.CLOSE)])
    box.add(_text(said.text))
    if said.copy:
        box.add(_line(said.copy, said.copy_label))
    dialog.set_default_response(reply.CLOSE)
    _run(dialog)


def _line(text: str, label: str) -> Any:
    """Return a line to be copied, with its button."""
    from gi.repository import Gdk

    entry = _gtk().Entry(text=text, editable=False, activates_default=True, hexpand=True)
    entry.set_width_chars(min(len(text) + 2, 60))
    clipboard = _gtk().Clipboard.get(Gdk.SELECTION_CLIPBOARD)

    def copy(_: Any) -> None:
        clipboard.set_text(text, -1)
        clipboard.store()

    button = _gtk().Button(label=label)
    button.connect("clicked", copy)
    row = _gtk().Box(spacing=_SPACE // 2)
    row.add(entry)
    row.add(button)
    return row


def file(said: File) -> str | None:
    """Let a file be chosen."""
    gtk, reply = _gtk(), _gtk().ResponseType
    dialog, box = _dialog(said.title, [(said.cancel, reply.CANCEL), (said.choose, reply.ACCEPT)])
    dialog.set_resizable(True)
    dialog.set_default_size(*_CHOOSER)
    dialog.set_default_response(reply.ACCEPT)
    chooser = gtk.FileChooserWidget(action=gtk.FileChooserAction.OPEN)
    chooser.add_filter(_filter(said))
    chooser.set_current_folder(_pictures_folder())
    chooser.connect("file-activated", lambda _: dialog.response(reply.ACCEPT))
    _preview(chooser)
    box.pack_start(chooser, True, True, 0)
    while _run(dialog) == reply.ACCEPT:
        path = chooser.get_filename()
        if path and Path(path).is_file():
            return str(path)
        if path and Path(path).is_dir():
            chooser.set_current_folder(path)
    return None


def _filter(said: File) -> Any:
    kinds = _gtk().FileFilter()
    kinds.set_name(said.kinds)
    for ending in said.endings:
        kinds.add_pattern(f"*.{ending}")
        kinds.add_pattern(f"*.{ending.upper()}")
    return kinds


def _pictures_folder() -> str:
    from gi.repository import GLib

    return GLib.get_user_special_dir(GLib.UserDirectory.DIRECTORY_PICTURES) or str(Path.home())


def _preview(chooser: Any) -> None:
    image = _gtk().Image()
    chooser.set_preview_widget(image)

    def show(_: Any) -> None:
        path = chooser.get_preview_filename()
        pixels = _pixels(Path(path)) if path else None
        image.set_from_pixbuf(pixels)
        chooser.set_preview_widget_active(pixels is not None)

    chooser.connect("update-preview", show)


def _pixels(path: Path) -> Any:
    """Return the picture, small, or None when it is not one."""
    from gi.repository import GdkPixbuf, GLib

    try:
        found = GdkPixbuf.Pixbuf.new_from_file_at_scale(str(path), _THUMBNAIL, _THUMBNAIL, True)
        return found.apply_embedded_orientation()
    except GLib.Error:
        return None


def form(said: Form) -> tuple[str, str] | None:
    """Ask for name and statement."""
    reply = _gtk().ResponseType
    dialog, box = _dialog(said.title, [(said.cancel, reply.CANCEL), (said.done, reply.ACCEPT)])
    name = _gtk().Entry(max_length=60, activates_default=True)
    box.add(_beside(_shown(Path(said.file)), _text(said.name), name))
    box.add(_text(said.question))
    buttons = _radios([text for _, text in said.choices])
    for button in buttons:
        box.add(button)
    box.add(_text(said.remark))
    _complete_first(dialog, name, buttons)
    if _run(dialog) != reply.ACCEPT:
        return None
    chosen = next(i for i, button in enumerate(buttons) if button.get_active())
    return name.get_text().strip(), said.choices[chosen][0]


def _shown(path: Path) -> Any:
    """Return the picture, or the name of a file that is none."""
    pixels = _pixels(path)
    return _gtk().Image.new_from_pixbuf(pixels) if pixels else _text(path.name)


def _beside(picture: Any, *widgets: Any) -> Any:
    """Return the picture with widgets in a column to its right."""
    gtk = _gtk()
    column = gtk.Box(orientation=gtk.Orientation.VERTICAL, spacing=_SPACE // 2, valign=gtk.Align.CENTER)
    for widget in widgets:
        column.add(widget)
    row = gtk.Box(spacing=_SPACE)
    row.add(picture)
    row.pack_start(column, True, True, 0)
    return row


def _radios(labels: list[str]) -> list[Any]:
    """Return buttons of which none is pressed, since the answer must be the person's own."""
    hidden = _gtk().RadioButton()
    return [_gtk().RadioButton.new_with_label_from_widget(hidden, label) for label in labels]


def _complete_first(dialog: Any, name: Any, buttons: list[Any]) -> None:
    """Let the dialogue be accepted only when there is a name and one button is pressed."""
    reply = _gtk().ResponseType.ACCEPT

    def check(_: Any) -> None:
        complete = bool(name.get_text().strip()) and any(button.get_active() for button in buttons)
        dialog.set_response_sensitive(reply, complete)

    name.connect("changed", check)
    for button in buttons:
        button.connect("toggled", check)
    dialog.set_default_response(reply)
    check(None)
