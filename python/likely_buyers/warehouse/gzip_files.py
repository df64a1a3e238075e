"""Whether a gzip file is whole. DuckDB reads a truncated one as far as it goes and says nothing."""

import zlib

_CHUNK_BYTES = 1 << 20


def gzip_problem(content: bytes) -> str:
    """Why `content` is no whole gzip file, in words; '' when it is whole.

    Several members one after the other are one file (RFC 1952), as `cat a.gz b.gz` makes them.
    """
    rest = memoryview(content)
    members = 0
    while rest:
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            while rest and not member.eof:
                chunk = rest[:_CHUNK_BYTES]
                member.decompress(chunk)
                rest = rest[len(chunk) - len(member.unused_data) :]
        except zlib.error as error:
            if members and not any(rest):
                return ""  # zero padding after the last member is allowed
            return f"it is damaged ({error})"
        if not member.eof:
            return "it ends too early, as after an upload that was cut off"
        members += 1
    return ""
