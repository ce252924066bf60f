//! What every PostgreSQL operator shares.
