"""The desk for the catalogue, orders and learning."""

from courses.admin.catalogue import CourseAdmin, SectionAdmin, TopicAdmin
from courses.admin.learning import BehaviourEventAdmin, EnrolmentAdmin, RatingAdmin
from courses.admin.orders import OrderAdmin, PaymentAdmin

__all__ = [
    "BehaviourEventAdmin",
    "CourseAdmin",
    "EnrolmentAdmin",
    "OrderAdmin",
    "PaymentAdmin",
    "RatingAdmin",
    "SectionAdmin",
    "TopicAdmin",
]
