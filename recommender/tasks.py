"""Celery doors of the recommender: ids in, one service call."""

from celery import shared_task

from recommender import services


@shared_task(name="recommender.train")
def train(run_id: int) -> None:
    """Train one requested run on the device at hand."""
    services.training_run(run_id=run_id)


@shared_task(name="recommender.train_nightly")
def train_nightly() -> None:
    """Request and train a fresh model from all behaviour so far, unless that was asked for this night."""
    train(services.training_request_nightly().pk)


@shared_task(name="recommender.train_sweep")
def train_sweep() -> None:
    """Hand over trainings that nobody works on: broker lost, worker killed."""
    for run_id in services.training_waiting():
        train.delay(run_id)


@shared_task(name="recommender.train_hourly")
def train_hourly() -> None:
    """Carry the serving model on to the behaviour of the last hour."""
    services.training_update()


@shared_task(name="recommender.train_compare")
def train_compare() -> None:
    """Compare the models in the shadow with the one that serves."""
    services.shadows_compare()


@shared_task(name="recommender.mail_weekly")
def mail_weekly() -> None:
    """Send everybody who wants news by mail the week's suggestions, one person after the other."""
    for user_id in services.mails_due():
        mail_one.delay(user_id)


@shared_task(name="recommender.mail_one")
def mail_one(user_id: int) -> None:
    """Mail one person the week's suggestions, once a week."""
    services.suggestions_mail(user_id=user_id)
