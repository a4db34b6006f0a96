"""One worker of a pool: takes requests over NATS and answers them with a model of this computer."""
