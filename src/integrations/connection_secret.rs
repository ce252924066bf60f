//! connection_secret
