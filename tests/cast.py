"""The people of the stories that tests tell. Each is made when first named, by the product's own verbs.

mei manages partners, finn keeps the money, ada audits, marco markets, olga operates. alice and bob make courses
together, carol is a creator whom they do not know, lee learns.
"""

from functools import cached_property

from django.test import Client

from accounts.choices import PartyKind, Role
from accounts.models import Party, User
from accounts.services import party_create, person_create, role_grant, seat_give

PASSWORD = "a quiet river at noon"


class Cast:
    """One production; a test that names nobody costs nothing."""

    def _staff(self, name: str, role: Role) -> User:
        user = person_create(email=f"{name}@cast.test", name=name.title(), password=PASSWORD, verified=True)
        role_grant(user=user, role=role)
        return user

    def _creator(self, name: str, party: Party) -> User:
        user = person_create(email=f"{name}@cast.test", name=name.title(), password=PASSWORD, verified=True)
        seat_give(user=user, party=party)
        return user

    @cached_property
    def mei(self) -> User:
        """Partner manager."""
        return self._staff("mei", Role.MANAGER)

    @cached_property
    def finn(self) -> User:
        """Finance."""
        return self._staff("finn", Role.FINANCE)

    @cached_property
    def fay(self) -> User:
        """Finance, as the second person."""
        return self._staff("fay", Role.FINANCE)

    @cached_property
    def ada(self) -> User:
        """Auditor."""
        return self._staff("ada", Role.AUDITOR)

    @cached_property
    def marco(self) -> User:
        """Marketer."""
        return self._staff("marco", Role.MARKETER)

    @cached_property
    def olga(self) -> User:
        """Operator."""
        return self._staff("olga", Role.OPERATOR)

    @cached_property
    def alice_party(self) -> Party:
        """Alice's party."""
        return party_create(code="alice", kind=PartyKind.CREATOR, name="Alice Studio", name_zh="爱丽丝工作室")

    @cached_property
    def bob_party(self) -> Party:
        """Bob's party."""
        return party_create(code="bob", kind=PartyKind.CREATOR, name="Bob Codes", name_zh="鲍勃编程")

    @cached_property
    def carol_party(self) -> Party:
        """The stranger's party; its name must turn up on no page of alice's."""
        return party_create(code="carol", kind=PartyKind.CREATOR, name="Canary Carol", name_zh="金丝雀卡罗")

    @cached_property
    def alice(self) -> User:
        """Creator."""
        return self._creator("alice", self.alice_party)

    @cached_property
    def bob(self) -> User:
        """Co-creator of alice's."""
        return self._creator("bob", self.bob_party)

    @cached_property
    def carol(self) -> User:
        """A creator who has nothing to do with alice and bob."""
        return self._creator("carol", self.carol_party)

    @cached_property
    def lee(self) -> User:
        """Learner."""
        return person_create(email="lee@cast.test", name="Lee", password=PASSWORD, verified=True)

    def client_of(self, user: User) -> Client:
        """A browser in which the person is logged in."""
        client = Client()
        client.force_login(user)
        return client
