//! Nothing is here: this package holds tests and examples, so that the crate itself is built and tested without an
//! engine.
