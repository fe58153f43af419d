"""How databases are reached: connections that are opened when needed, lent to threads, and left alone by forks."""
