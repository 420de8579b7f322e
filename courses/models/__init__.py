"""Tables of the catalogue, of orders and of learning."""

from courses.models.behaviour import BehaviourEvent
from courses.models.catalogue import Course, CourseCreator, Lesson, Section, Topic
from courses.models.learning import Enrolment, Favourite, LessonProgress, Rating
from courses.models.order import CartItem, Order, OrderLine, Payment

__all__ = [
    "BehaviourEvent",
    "CartItem",
    "Course",
    "CourseCreator",
    "Enrolment",
    "Favourite",
    "Lesson",
    "LessonProgress",
    "Order",
    "OrderLine",
    "Payment",
    "Rating",
    "Section",
    "Topic",
]
