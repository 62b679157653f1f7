"""The units by which systemd keeps the daemon running for one user; text only."""

from collections.abc import Mapping, Sequence

SERVICE = "visard.service"
RETRY = "visard-retry.timer"


def service(
    command: Sequence[str], keep_format: Sequence[str], environment: Mapping[str, str] | None = None
) -> str:
    """Return the unit that runs ``command daemon``, and ``keep_format`` when it has ended.

    A crash is answered after a second, for a call may be going on; whatever ends five times within a minute
    is tried again once a minute. Frames must not end up in core dumps. Networks are compiled while it runs,
    so memory may be both written and executed.
    """
    return f"""\
[Unit]
Description=Visard, another face in any video call
StartLimitIntervalSec=60
StartLimitBurst=5
OnFailure={RETRY}

[Service]
Type=notify
NotifyAccess=main
ExecStart=:{_line([*command, "daemon"])}
ExecStopPost=-:{_line(keep_format)}
{_settings(environment or {})}Restart=on-failure
RestartSec=1
RestartPreventExitStatus=2
WatchdogSec=60
TimeoutStartSec=300
TimeoutStopSec=5
KillMode=mixed
SyslogIdentifier=visard
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=default.target
"""


def retry() -> str:
    """Return the timer that starts a daemon which could not be kept running, a minute later."""
    return f"""\
[Unit]
Description=Try again to start Visard

[Timer]
OnActiveSec=60
AccuracySec=10
RemainAfterElapse=no
Unit={SERVICE}
"""


def _settings(environment: Mapping[str, str]) -> str:
    return "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in environment.items())


def _line(command: Sequence[str]) -> str:
    """Return a command for ExecStart; a colon before it keeps systemd from expanding ``$`` in it.

    systemd refuses programs whose own path has quotes or backslashes, so 'env' calls these.
    """
    words = ["/usr/bin/env", *command] if set(command[0]) & set("\"'\\") else command
    return " ".join(map(quoted, words))


def keep_format_command(python: str, packages: str) -> tuple[str, ...]:
    """Return the command that gives readers of our camera pictures while no daemon runs."""
    from visard.daemon.devices.v4l2loopback import LABEL

    return (python, "-I", "-S", f"{packages}/visard/daemon/devices/keep_format.py", LABEL)


def quoted(word: str) -> str:
    """Return one word as systemd reads it back."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if not word or set(word) & set(" \t'\"\\;") else text
