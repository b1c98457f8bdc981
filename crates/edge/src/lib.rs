//! The HTTP edge: routes, clients, fan-out, limits.
