"""The kind of an image file, by its first bytes and by its suffix."""

HEAD = 32  # bytes at the beginning of a file that tell its kind

STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # of more than 4 GB
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",  # without a container
}
AVIF_BRANDS, HEIF_BRANDS = {b"avif", b"avis"}, {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".gif": "GIF", ".bmp": "BMP",
    ".dib": "BMP", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM",
    ".pnm": "PPM", ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF",
    ".hif": "HEIF",
}  # fmt: skip
UNREAD_SUFFIXES = {
    ".3fr", ".ai", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".eps", ".exr", ".hdr", ".ico", ".jxl", ".jxr", ".nef",
    ".nrw", ".orf", ".pcx", ".pef", ".pfm", ".psd", ".qoi", ".raf", ".raw", ".rw2", ".sr2", ".srw", ".svg", ".tga",
    ".wdp", ".x3f",
}  # of images that are not read: raw data of cameras, drawings, kinds that nobody keeps photographs in  # fmt: skip


def kind_of(data: bytes) -> str | None:
    """Return the kind of an image from its first HEAD bytes or more; None if they do not begin an image.

    The kinds are JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM, JPEG2000, AVIF and HEIF.
    """
    for start, kind in STARTS.items():
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and len(data) > 14 and data[15:18] == b"\0\0\0":  # the size of a BMP's header, below 256
        return "BMP"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "PPM"
    if data[4:8] == b"ftyp":
        brands = {data[at : at + 4] for at in (8, *range(16, min(int.from_bytes(data[:4], "big"), HEAD), 4))}
        return "AVIF" if brands & AVIF_BRANDS else "HEIF" if brands & HEIF_BRANDS else None
    return None
