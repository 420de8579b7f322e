"""How Django itself writes dates: day before month, 24 hours, as the face does."""
