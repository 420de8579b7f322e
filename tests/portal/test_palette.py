"""The command palette finds what its reader may open, and nothing else."""

from django.test import Client

from accounts.scope import all_rows
from courses.models import Order
from courses.services import PaidLine, PaidOrder, orders_record
from tests.cast import Cast
from tests.factories.courses import NOON, course


def found(client: Client, query: str) -> str:
    return client.get("/palette/", {"q": query}).content.decode()


def order_of(cast: Cast) -> str:
    """The code of an order of lee's."""
    with all_rows():
        line = PaidLine(course_id=course("Harbour at Night", title_zh="夜晚的港口").pk, list_minor=19_900)
        paid = PaidOrder(
            provider="test", external_id="1", currency="CNY", lines=[line], placed_at=NOON, code="260302-HARBOUR1",
            buyer_id=cast.lee.pk,
        )  # fmt: skip
        orders_record(orders=[paid])
        return Order.objects.get().code


def test_courses_are_found_by_everybody_in_both_languages(cast: Cast, client: Client) -> None:
    order_of(cast)
    assert "Harbour at Night" in found(client, "harbour")
    assert "/courses/" in found(client, "港口")


def test_an_order_is_found_by_its_buyer_and_by_staff_who_read_orders(cast: Cast) -> None:
    code = order_of(cast)
    with all_rows():
        pk = Order.objects.get().pk
    assert f"/orders/{code}/" in found(cast.client_of(cast.lee), "260302-h")
    assert f"/admin/courses/order/{pk}/change/" in found(cast.client_of(cast.finn), "260302-h")
    for stranger in (cast.alice, cast.olga):
        assert code not in found(cast.client_of(stranger), "260302-h")


def test_partners_desks_and_actions_are_for_their_roles(cast: Cast, client: Client) -> None:
    cast.alice_party  # noqa: B018
    manager = cast.client_of(cast.mei)
    assert "/admin/accounts/party/" in found(manager, "Alice Stu")
    assert "/admin/partners/trackinglink/add/" in found(manager, "tracking link")
    assert "/admin/partners/coupon/" in found(manager, "coupons")
    for other in (client, cast.client_of(cast.lee), cast.client_of(cast.bob)):
        assert "/admin/" not in found(other, "Alice Stu") + found(other, "tracking link") + found(other, "")
    assert "/creator/links/" in found(cast.client_of(cast.bob), "")
    assert "/marketing/" not in found(cast.client_of(cast.bob), "")


def test_nothing_found_is_said_and_what_was_typed_is_escaped(client: Client, db: None) -> None:
    text = found(client, "<script>")
    assert "“&lt;script&gt;”" in text
    assert "role=" not in text
