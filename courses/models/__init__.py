"""Tables of the catalogue, of orders and of learning."""

from courses.models.behaviour import BehaviourEvent
from courses.models.catalogue import Course, CourseCreator, Lesson, Prerequisite, Section, Topic
from courses.models.learning import Enrolment, Favourite, LessonProgress, Rating
from courses.models.order import CartItem, Order, OrderLine, Payment
from courses.models.refund import Dispute, LineReturn, Refund

__all__ = [
    "BehaviourEvent",
    "CartItem",
    "Course",
    "CourseCreator",
    "Dispute",
    "Enrolment",
    "Favourite",
    "Lesson",
    "LessonProgress",
    "LineReturn",
    "Order",
    "OrderLine",
    "Payment",
    "Prerequisite",
    "Rating",
    "Refund",
    "Section",
    "Topic",
]
