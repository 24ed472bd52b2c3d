"""Who may: the keys of the service, as the web process and the operator's commands use them."""

from __future__ import annotations

from dataclasses import dataclass

from .ledger import audit, keys
from .ledger.database import Database
from .ledger.schema import ledger
from .records import KeyRecord
from .settings import Settings

LOCAL_TENANT = "local"


@dataclass(frozen=True)
class Caller:
    """Who asks: a key, or whoever is on this machine while there are no keys."""

    tenant: str
    id: str
    scopes: tuple[str, ...] | None
    """None: everything, because there are no keys."""

    def may(self, scope: str) -> bool:
        """Say whether this caller may do what needs a scope."""
        return self.scopes is None or scope in self.scopes


LOCAL = Caller(LOCAL_TENANT, "local", None)


class Keys:
    """The keys in the ledger; every change is in the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, tenant: str, name: str, scopes: list[str], seconds: float | None = None
    ) -> tuple[KeyRecord, str]:
        """Make a key; the text is what a client shows, and cannot be had again."""
        with self._database.write() as session:
            record, text = keys.create(session, tenant, name, scopes, seconds)
            audit.write(
                session, tenant, "key.create", record.id, name=record.name, scopes=list(record.scopes)
            )
            return record, text

    def revoke(self, id: str) -> KeyRecord:
        """End a key at once; requests that show it are refused from now on."""
        with self._database.write() as session:
            record = keys.revoke(session, id)
            audit.write(session, record.tenant, "key.revoke", record.id)
            return record

    def listed(self, tenant: str | None = None) -> list[KeyRecord]:
        """List the keys, without secrets, oldest first."""
        with self._database.read() as session:
            return keys.listed(session, tenant)

    def any_exist(self) -> bool:
        """Say whether keys are asked for: whether one was ever made."""
        with self._database.read() as session:
            return keys.any_exist(session)

    def caller(self, text: str | None) -> Caller | None:
        """Return who shows this key; without one, `LOCAL` as long as there are no keys; None: nobody that is known."""
        with self._database.read() as session:
            if text is None:
                return None if keys.any_exist(session) else LOCAL
            found = keys.known(session, text)
        return None if found is None else Caller(found.tenant, found.id, found.scopes)


def keys_exist(settings: Settings) -> bool:
    """Say whether keys or tokens are asked for, of a ledger that no service of this process has open."""
    if settings.oidc_issuer is not None:
        return True
    if settings.database_url is None and not (settings.data / "ledger.db").exists():
        return False
    with ledger(settings) as database:
        return Keys(database).any_exist()
