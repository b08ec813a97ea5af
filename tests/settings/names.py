"""The names of all settings: those that are asked of the environment."""

from tempfile import TemporaryDirectory

from service.config import Settings


class RecordingEnvironment(dict[str, str]):
    """An environment that notes which names it is asked for."""

    def __init__(self, **values: str) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


def setting_names() -> frozenset[str]:
    """Return the name of every setting."""
    with TemporaryDirectory() as folder:
        environment = RecordingEnvironment(DATA_DIR=folder)
        Settings.from_environment(environment)
    return frozenset(environment.asked)
