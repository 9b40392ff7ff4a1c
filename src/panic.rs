//! A panic is a bug of ours, and no reason to end somebody else's process.
//!
//! Work that others call through C, where a panic cannot pass, and work on threads that somebody waits for, turns it
//! into an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, ErrorKind, Result};

/// Does the work; a panic is an error that has its message. What the work changed is not to be used any more then.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = message(payload.as_ref()).to_owned();
        Err(Error::new(ErrorKind::Panicked { message }))
    })
}

/// What `panic!` was given, which is a text nearly always.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn panics_are_errors() {
        assert_eq!(caught(|| Ok(1)).unwrap(), 1);
        assert!(
            caught(|| Err::<(), _>(Error::new(ErrorKind::Interrupted))).unwrap_err().to_string()
                == "interrupted"
        );
        for (work, text) in [
            ((|| panic!("at last")) as fn() -> Result<()>, "at last"),
            (|| panic!("{} of {}", 1, 2), "1 of 2"),
            (|| panic_any(5_u8), "without a message"),
        ] {
            assert_eq!(
                caught(work).unwrap_err().to_string(),
                format!("a bug of npzarrow, please report it: panicked: {text}")
            );
        }
    }
}
