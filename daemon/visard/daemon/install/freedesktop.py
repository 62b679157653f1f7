"""What desktops on Linux read: the entry in the menu and the one that starts the tray at login; text only."""

from collections.abc import Sequence

NAME = "visard.desktop"
ICON = "visard"

HIDDEN = "[Desktop Entry]\nType=Application\nName=Visard\nHidden=true\n"
"""Below the user's own folder this switches off the entry of the same name that came for everybody."""

_SUMMARY = "Comment=Another face in any video call\nComment[zh_CN]=在任何视频通话中换一张脸\n"


def menu_entry(command: Sequence[str]) -> str:
    """Return the entry of the application menu: the tray, or the preview where the tray is already there."""
    actions = "".join(f"\n{_action(command, *action)}" for action in _ACTIONS)
    return f"""\
[Desktop Entry]
Type=Application
Name=Visard
{_SUMMARY}Exec={line([*command, "tray", "--or-preview"])}
Icon={ICON}
Terminal=false
Categories=AudioVideo;Video;
Keywords=camera;webcam;face;avatar;mask;
StartupNotify=false
Actions={"".join(f"{name};" for name, *_ in _ACTIONS)}
{actions}"""


def autostart_entry(command: Sequence[str]) -> str:
    """Return the entry that starts the tray with the desktop."""
    return f"""\
[Desktop Entry]
Type=Application
Name=Visard
{_SUMMARY}Exec={line([*command, "tray"])}
Icon={ICON}
Terminal=false
StartupNotify=false
X-GNOME-Autostart-enabled=true
X-KDE-autostart-phase=2
"""


_ACTIONS = (
    ("pause", "Pause", "暂停"),
    ("resume", "Resume", "继续"),
)


def _action(command: Sequence[str], name: str, english: str, chinese: str) -> str:
    return f"""\
[Desktop Action {name}]
Name={english}
Name[zh_CN]={chinese}
Exec={line([*command, name])}
"""


def line(command: Sequence[str]) -> str:
    """Return a command as the key Exec wants it."""
    return " ".join(map(_quoted, command))


def _quoted(word: str) -> str:
    text = word.replace("%", "%%")
    if word and not set(word) & set(" \t\n\"'\\><~|&;$*?#()`"):
        return text
    for special in '\\"`$':
        text = text.replace(special, f"\\{special}")
    return '"{}"'.format(text.replace("\\", "\\\\"))  # the file format takes one level of backslashes off
