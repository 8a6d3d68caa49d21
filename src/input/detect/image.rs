//! Disk images by their first bytes, and what to do with one. None is opened.

use crate::input::bytes::slice_at;

/// A kind of disk image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// EnCase, its parts and its logical form.
    Ewf,
    /// Hyper-V, and what KAPE writes.
    Vhdx,
    /// Virtual PC, growing; one of fixed size is raw.
    Vhd,
    /// VMware.
    Vmdk,
    /// QEMU.
    Qcow2,
    /// Advanced Forensics Format, before version 4.
    Aff,
    /// A CD or DVD.
    Iso,
    /// A volume or a disk, byte for byte.
    Raw,
}

/// What images begin with, or have at a place (\[MS-VHDX\] 3.1.1, the specifications of VHD, QCOW2, VMDK and the EWF forms).
const MAGICS: &[(usize, &[u8], Image)] = &[
    (0, b"EVF\x09\x0D\x0A\xFF\x00", Image::Ewf),
    (0, b"LVF\x09\x0D\x0A\xFF\x00", Image::Ewf),
    (0, b"EVF2\x0D\x0A\x81\x00", Image::Ewf),
    (0, b"LEF2\x0D\x0A\x81\x00", Image::Ewf),
    (0, b"vhdxfile", Image::Vhdx),
    (0, b"conectix", Image::Vhd),
    (0, b"KDMV", Image::Vmdk),
    (0, b"COWD", Image::Vmdk),
    (0, b"# Disk DescriptorFile", Image::Vmdk),
    (0, b"QFI\xFB", Image::Qcow2),
    (0, b"AFF10\r\n\0", Image::Aff),
    (3, b"NTFS    ", Image::Raw),
    (3, b"-FVE-FS-", Image::Raw),
    (512, b"EFI PART", Image::Raw),
];

/// A CD's first volume descriptor (ECMA-119).
const ISO: (usize, &[u8]) = (32_769, b"CD001");

impl Image {
    /// The kind of image that `head` begins with, by what no other file begins with.
    pub(super) fn of_magic(head: &[u8]) -> Option<Self> {
        let found = MAGICS.iter().find(|(at, magic, _)| slice_at(head, *at, magic.len()) == Some(magic));
        found.map(|(_, _, image)| *image)
    }

    /// The kind of image whose first [`SEARCH_SIZE`](super::SEARCH_SIZE) bytes are `head`, by what stands further on or is less certain.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if slice_at(head, ISO.0, ISO.1.len()) == Some(ISO.1) {
            return Some(Self::Iso);
        }
        is_master_boot_record(head).then_some(Self::Raw)
    }

    /// What it is and how to get at what is in it, as a sentence.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Ewf => {
                "an EnCase image (E01 or kin), which is not opened: mount it (ewfmount, Arsenal Image Mounter) and name the folder winevt/Logs"
            }
            Self::Vhdx | Self::Vhd => {
                "a virtual disk (VHD or VHDX), which is not opened: mount it read-only (Mount-DiskImage, qemu-nbd) and name the folder with the logs"
            }
            Self::Vmdk | Self::Qcow2 => {
                "a virtual machine's disk, which is not opened: mount it read-only (qemu-nbd, guestmount) and name the folder winevt/Logs"
            }
            Self::Aff => {
                "an AFF image, which is not opened: mount it (affuse) and name the folder winevt/Logs"
            }
            Self::Iso => {
                "a CD image (ISO 9660), which is not opened: mount it and name the folder with the logs"
            }
            Self::Raw => {
                "a raw disk or volume, which is not opened: mount it read-only and name the folder winevt/Logs; --carve looks through it for chunks of logs"
            }
        }
    }
}

/// Whether `head` begins with a partition table: the signature, four entries that are active or not, and one at least in use.
fn is_master_boot_record(head: &[u8]) -> bool {
    let entries = slice_at(head, 446, 64).unwrap_or_default();
    slice_at(head, 510, 2) == Some(&[0x55, 0xAA])
        && entries.chunks_exact(16).all(|entry| matches!(entry.first(), Some(0 | 0x80)))
        && entries.chunks_exact(16).any(|entry| entry.get(4).is_some_and(|kind| *kind != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_bytes() {
        let at = |place: usize, magic: &[u8]| {
            let mut head = vec![0; 40_000];
            head[place..place + magic.len()].copy_from_slice(magic);
            head
        };
        assert_eq!(Image::of_magic(&at(0, b"vhdxfile")), Some(Image::Vhdx));
        assert_eq!(Image::of_magic(&at(3, b"NTFS    ")), Some(Image::Raw));
        assert_eq!(Image::of_magic(&at(512, b"EFI PART")), Some(Image::Raw));
        assert_eq!(Image::of_magic(b"vhdx"), None);
        assert_eq!(Image::of(&at(32_769, b"CD001")), Some(Image::Iso));
        let mut disk = at(510, &[0x55, 0xAA]);
        assert_eq!(Image::of(&disk), None, "no partition");
        disk[450] = 7;
        assert_eq!(Image::of(&disk), Some(Image::Raw));
        disk[446] = 1;
        assert_eq!(Image::of(&disk), None, "no such state");
    }
}
