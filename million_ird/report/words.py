"""How numbers and names are written for a person: thousands separators, SI units, reasons in plain words."""

from __future__ import annotations

import math

_SPELLINGS = {
    "url": "URL",
    "http": "HTTP",
    "dns": "DNS",
    "tls": "TLS",
    "jpeg": "JPEG",
    "cmyk": "CMYK",
    "niqe": "NIQE",
    "srgb": "sRGB",
    "rgb": "RGB",
    "p3": "P3",
    "noai": "noai",
    "png": "PNG",
    "webp": "WebP",
    "tiff": "TIFF",
    "gif": "GIF",
    "bmp": "BMP",
    "avif": "AVIF",
    "heic": "HEIC",
    "jxl": "JPEG XL",
    "icc": "ICC",
    "sha256": "SHA-256",
}
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def count(value: int) -> str:
    """12345678 → "12,345,678"."""
    return f"{value:,}"


def share(part: float, whole: float) -> str:
    """A percentage that never rounds something to nothing or nearly all to all: "<0.1 %", "99.9 %", "100 %"."""
    if whole <= 0:
        return "–"
    percent = 100 * part / whole
    if part == 0 or part == whole:
        return f"{percent:.0f}\u202f%"
    if percent < 0.1:
        return "<0.1\u202f%"
    return f"{min(percent, 99.9):.1f}\u202f%"


def si(value: float, unit: str = "") -> str:
    """Three significant digits and an SI prefix: 4.2 GB, 380 k, 12.0 MP."""
    scaled, power = float(value), 0
    while abs(scaled) >= 999.5 and power < len(_PREFIXES) - 1:
        scaled, power = scaled / 1000, power + 1
    suffix = _PREFIXES[power] + unit
    if power == 0 and float(value).is_integer():
        text = f"{int(value)}"
    else:
        text = f"{scaled:.{0 if abs(scaled) >= 99.95 else 1 if abs(scaled) >= 9.995 else 2}f}"
    return f"{text}\u202f{suffix}" if suffix else text


def size(nbytes: int) -> str:
    """Bytes with an SI prefix (1 kB = 1000 B)."""
    return si(nbytes, "B")


def megapixels(pixels: int) -> str:
    """Pixels as megapixels with an SI prefix above (12,400 MP → "12.4 GP")."""
    return si(pixels, "P") if pixels >= 1_000_000_000 else f"{pixels / 1e6:,.1f}\u202fMP"


def measure(value: float, digits: int = 4) -> str:
    """A measured value: four significant digits (or as many as asked for), whole numbers in full.

    Thousands separators, a real minus sign, no exponent in the usual range.
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "–"
    magnitude = abs(value)
    if magnitude >= 1e9 or magnitude < 1e-4:
        return f"{value:.2e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(magnitude)))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def compact(value: float) -> str:
    """An axis label: as short as it stays exact enough (12,000 → "12k")."""
    if abs(value) >= 10_000:
        scaled, power = value, 0
        while abs(scaled) >= 1000 and power < len(_PREFIXES) - 1:
            scaled, power = scaled / 1000, power + 1
        return f"{scaled:.3g}{_PREFIXES[power]}".replace("-", "−")
    return measure(value)


def seconds(value: float) -> str:
    """A duration: "0.8 s", "3 min 20 s", "5 h 12 min"."""
    if value < 60:
        return f"{value:.1f}\u202fs"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}\u202fmin {rest:02d}\u202fs"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}\u202fh {minutes:02d}\u202fmin"


def plain(name: str) -> str:
    """A column or reason in words: "bits_per_pixel" → "bits per pixel", "dns_not_found" → "DNS not found"."""
    words = name.replace("_", " ").split(" ")
    return " ".join(_SPELLINGS.get(word, word) for word in words) if name else "(none)"


def title(name: str) -> str:
    """A column or reason as a heading: "bits_per_pixel" → "Bits per pixel"."""
    words = plain(name)
    return words[:1].upper() + words[1:]


def plural(number: int, noun: str) -> str:
    """1 → "1 shard", 1200 → "1,200 shards"."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def rate(per_second: float) -> str:
    """Items a second, three digits or whole ones."""
    return f"{per_second:.3g}" if per_second < 100 else count(round(per_second))


def middle(text: str, limit: int = 72) -> str:
    """A long string with its middle left out, so that both its host and its file name stay readable."""
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}…{text[-(limit - 1 - head) :]}"
