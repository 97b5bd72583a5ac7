"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import pytest

from assistant.settings import ConfigurationError, config_file, load_settings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_come_from_the_file_that_comes_with_the_product(here: Path) -> None:
    del here
    settings = load_settings()
    assert config_file().name == "config.yml"
    assert settings.server.port == 8000
    assert settings.database_url == "sqlite:///var/gtm.db"
    assert settings.recipe == "default.v1"


def test_the_environment_wins_over_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "config.yml").write_text("server:\n  port: 9000\n  host: 0.0.0.0\n")
    monkeypatch.setenv("GTM_SERVER__PORT", "9001")
    settings = load_settings()
    assert (settings.server.port, settings.server.host) == (9001, "0.0.0.0")  # noqa: S104 - a value, not a bind


def test_another_file_by_variable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "mine.yml").write_text("currency: EUR\n")
    monkeypatch.setenv("GTM_CONFIG", str(here / "mine.yml"))
    assert load_settings().currency == "EUR"


@pytest.mark.parametrize(
    ("content", "variable", "value", "told"),
    [
        ("server:\n  port: seventy\n", None, "", ("server.port", "seventy", "GTM_SERVER__PORT")),
        ("currency: dollars\n", None, "", ("currency", "dollars")),
        ("time_zone: Mars/Base\n", None, "", ("time_zone", "Mars/Base", "Europe/Berlin")),
        ("colour: red\n", None, "", ("colour", "no such setting")),
        ("server:\n  prot: 1\n", None, "", ("server.prot", "no such setting")),
        ("", "GTM_SERVER__PORT", "0", ("server.port", "0", "GTM_SERVER__PORT")),
        ("", "GTM_SERVER__TRUSTED_PROXIES", "10.0.0.1, lb", ("trusted_proxies", "10.1.0.0/16")),
        ("", "GTM_DATABSE_URL", "x", ("GTM_DATABSE_URL", "no such setting")),
        ("", "GTM_CONFIG", "nowhere.yml", ("GTM_CONFIG", "nowhere.yml")),
        ("server: [unclosed\n", None, "", ("config.yml", "YAML")),
    ],
)
def test_a_wrong_setting_is_told_with_key_value_and_cure(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    variable: str | None,
    value: str,
    told: tuple[str, ...],
) -> None:
    (here / "config.yml").write_text(content)
    if variable:
        monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert all(part in str(caught.value) for part in told), str(caught.value)


def test_a_password_in_the_database_url_is_not_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del here
    monkeypatch.setenv("GTM_DATABASE_URL", "postgresql://me:hush@host/db")
    monkeypatch.setenv("GTM_CURRENCY", "dollars")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hush" not in str(caught.value)
