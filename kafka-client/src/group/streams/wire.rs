//! The flexible encoding of Kafka's protocol, as far as the messages here need it: compact strings
//! and arrays, nullable structs, and tagged fields, which are skipped.
//!
//! Invariant: whatever the bytes are, reading neither panics nor allocates more than a multiple of
//! their number.

use bytes::{Buf, BufMut, TryGetError};

/// The reason why bytes could not be read, or a value not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The bytes end before the value does.
    #[error("the bytes end too early: {0}")]
    Short(#[from] TryGetError),
    /// A string or array is longer than the bytes that follow.
    #[error("a length of {0} is more than the bytes that follow")]
    Length(u32),
    /// A value is null that must not be.
    #[error("a value is null that may not be")]
    Null,
    /// A number has more bytes than 32 bits can take.
    #[error("a number of variable length is longer than 32 bits")]
    Varint,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8: {0}")]
    Utf8(#[from] std::string::FromUtf8Error),
    /// A string or array is too long to be written.
    #[error("a length of {0} can't be written")]
    TooLong(usize),
    /// The message has another version than the supported one.
    #[error("version {0} of the message is not supported")]
    Version(i16),
}

/// A value in a message.
pub(super) trait Wire: Sized {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError>;
    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError>;
}

/// A structure with its own tagged fields; a nullable one has a byte before it.
pub(super) trait WireStruct: Wire {}

/// Defines a struct whose fields are written in order, with no tagged fields at the end.
macro_rules! wire_struct {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        $visibility struct $name {
            $($(#[$field_attribute])* $field_visibility $field: $type,)*
        }

        impl $crate::group::streams::wire::Wire for $name {
            fn write<B: bytes::BufMut>(
                &self,
                buf: &mut B,
            ) -> Result<(), $crate::group::streams::wire::WireError> {
                $($crate::group::streams::wire::Wire::write(&self.$field, buf)?;)*
                buf.put_u8(0);
                Ok(())
            }

            fn read<B: bytes::Buf>(
                buf: &mut B,
            ) -> Result<Self, $crate::group::streams::wire::WireError> {
                let value =
                    Self { $($field: $crate::group::streams::wire::Wire::read(buf)?,)* };
                $crate::group::streams::wire::skip_tagged_fields(buf)?;
                Ok(value)
            }
        }

        impl $crate::group::streams::wire::WireStruct for $name {}
    };
}
pub(super) use wire_struct;

/// Skips fields that a newer broker may add.
pub(super) fn skip_tagged_fields<B: Buf>(buf: &mut B) -> Result<(), WireError> {
    for _ in 0..read_varint(buf)? {
        read_varint(buf)?;
        let size = read_varint(buf)?;
        buf.advance(fitting(size, buf)?);
    }
    Ok(())
}

/// The length, if as many bytes follow.
fn fitting<B: Buf>(length: u32, buf: &B) -> Result<usize, WireError> {
    let fits = usize::try_from(length).ok().filter(|length| *length <= buf.remaining());
    fits.ok_or(WireError::Length(length))
}

fn write_varint<B: BufMut>(mut value: u32, buf: &mut B) {
    while value >= 0x80 {
        buf.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buf.put_u8((value & 0x7f) as u8);
}

fn read_varint<B: Buf>(buf: &mut B) -> Result<u32, WireError> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = buf.try_get_u8()?;
        let bits = u32::from(byte & 0x7f);
        // The fifth byte has room for four bits only.
        if shift == 28 && bits > 0x0f {
            return Err(WireError::Varint);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Varint)
}

/// A compact length: one more than the length, with 0 for null.
fn write_length<B: BufMut>(length: usize, buf: &mut B) -> Result<(), WireError> {
    let above = length.checked_add(1).and_then(|above| u32::try_from(above).ok());
    write_varint(above.ok_or(WireError::TooLong(length))?, buf);
    Ok(())
}

fn read_length<B: Buf>(buf: &mut B) -> Result<Option<u32>, WireError> {
    Ok(read_varint(buf)?.checked_sub(1))
}

macro_rules! wire_number {
    ($($type:ty: $put:ident, $get:ident;)*) => {
        $(impl Wire for $type {
            fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
                buf.$put(*self);
                Ok(())
            }

            fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
                Ok(buf.$get()?)
            }
        })*
    };
}

wire_number! {
    i8: put_i8, try_get_i8;
    i16: put_i16, try_get_i16;
    u16: put_u16, try_get_u16;
    i32: put_i32, try_get_i32;
    i64: put_i64, try_get_i64;
}

impl Wire for bool {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
        buf.put_u8(u8::from(*self));
        Ok(())
    }

    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
        Ok(buf.try_get_u8()? != 0)
    }
}

impl Wire for String {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
        write_length(self.len(), buf)?;
        buf.put_slice(self.as_bytes());
        Ok(())
    }

    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
        Option::<Self>::read(buf)?.ok_or(WireError::Null)
    }
}

impl Wire for Option<String> {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
        match self {
            Some(text) => text.write(buf)?,
            None => buf.put_u8(0),
        }
        Ok(())
    }

    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
        let Some(length) = read_length(buf)? else { return Ok(None) };
        let length = fitting(length, buf)?;
        Ok(Some(String::from_utf8(buf.copy_to_bytes(length).to_vec())?))
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
        write_length(self.len(), buf)?;
        self.iter().try_for_each(|element| element.write(buf))
    }

    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
        Option::<Self>::read(buf)?.ok_or(WireError::Null)
    }
}

impl<T: Wire> Wire for Option<Vec<T>> {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
        match self {
            Some(elements) => elements.write(buf)?,
            None => buf.put_u8(0),
        }
        Ok(())
    }

    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
        let Some(length) = read_length(buf)? else { return Ok(None) };
        // Each element is at least a byte. The vector grows as they come: a length is no reason to
        // allocate.
        fitting(length, buf)?;
        (0..length).map(|_| T::read(buf)).collect::<Result<_, _>>().map(Some)
    }
}

impl<T: WireStruct> Wire for Option<T> {
    fn write<B: BufMut>(&self, buf: &mut B) -> Result<(), WireError> {
        match self {
            Some(value) => {
                buf.put_i8(1);
                value.write(buf)?;
            }
            None => buf.put_i8(-1),
        }
        Ok(())
    }

    fn read<B: Buf>(buf: &mut B) -> Result<Self, WireError> {
        if buf.try_get_i8()? < 0 { Ok(None) } else { T::read(buf).map(Some) }
    }
}
