"""The current user's part of the Windows registry."""

import sys

from visard.daemon.install.computer import WindowsRegistry


class NoRegistry:
    """Elsewhere there is none, and no plan asks for it."""

    def get(self, key: str, name: str) -> str | None:
        """Refuse."""
        raise NotImplementedError(f"no registry for {key}\\{name}")

    def set(self, key: str, name: str, value: str) -> None:
        """Refuse."""
        raise NotImplementedError(f"no registry for {key}\\{name}={value}")

    def delete(self, key: str, name: str) -> None:
        """Refuse."""
        raise NotImplementedError(f"no registry for {key}\\{name}")


def registry() -> WindowsRegistry:
    """Return the user's registry."""
    if sys.platform != "win32":
        return NoRegistry()
    return _windows()


def _windows() -> WindowsRegistry:
    if sys.platform != "win32":  # lets type checkers skip what follows elsewhere
        raise NotImplementedError
    import winreg

    class Real:
        def get(self, key: str, name: str) -> str | None:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                    return str(winreg.QueryValueEx(opened, name)[0])
            except FileNotFoundError:
                return None

        def set(self, key: str, name: str, value: str) -> None:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

        def delete(self, key: str, name: str) -> None:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, winreg.KEY_SET_VALUE) as opened:
                winreg.DeleteValue(opened, name)

    return Real()
