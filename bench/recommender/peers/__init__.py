"""Other libraries on P1, each in an environment of its own: `run.sh NAME` builds it and prints JSON lines."""
