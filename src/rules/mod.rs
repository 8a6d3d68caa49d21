//! Rule files → compiled rules.
