//! Little-endian numbers out of a byte slice, `None` past its end, and bytes out of percent-encoded text. It keeps no position.

/// The `N` bytes of `data` from `at`.
pub(super) fn array_at<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The `len` bytes of `data` from `at`.
pub(super) fn slice_at(data: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    data.get(at..at.checked_add(len)?)
}

/// The byte of `data` at `at`.
pub(super) fn u8_at(data: &[u8], at: usize) -> Option<u8> {
    data.get(at).copied()
}

/// The little-endian `u16` of `data` at `at`.
pub(super) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    array_at(data, at).map(u16::from_le_bytes)
}

/// The little-endian `u32` of `data` at `at`.
pub(super) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    array_at(data, at).map(u32::from_le_bytes)
}

/// The little-endian `u64` of `data` at `at`.
pub(super) fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    array_at(data, at).map(u64::from_le_bytes)
}

/// The little-endian `u32` of `data` at `at`, as an offset or a length.
pub(super) fn offset_at(data: &[u8], at: usize) -> Option<usize> {
    u32_at(data, at).and_then(|value| usize::try_from(value).ok())
}

/// The bytes of `name`, its `%NN` decoded once (RFC 3986, 2.1); what only looks like one stays.
pub(super) fn percent_decoded(name: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        match rest {
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit =
                    |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                decoded.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                rest = after;
            }
            _ => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    decoded
}
