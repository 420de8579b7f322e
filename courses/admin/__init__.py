"""The desk for the catalogue, orders and learning."""

from courses.admin.catalogue import CourseAdmin, SectionAdmin, TopicAdmin
from courses.admin.learning import BehaviourEventAdmin, EnrolmentAdmin, RatingAdmin
from courses.admin.orders import OrderAdmin, PaymentAdmin
from courses.admin.refunds import DisputeAdmin, RefundAdmin

__all__ = [
    "BehaviourEventAdmin",
    "CourseAdmin",
    "DisputeAdmin",
    "EnrolmentAdmin",
    "OrderAdmin",
    "PaymentAdmin",
    "RatingAdmin",
    "RefundAdmin",
    "SectionAdmin",
    "TopicAdmin",
]
