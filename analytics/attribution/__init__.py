"""Attribution: sequences of touches in, credits out. Pure: no database, no framework, no clock."""
