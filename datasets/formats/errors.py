"""What can be wrong with a file as a whole, or with what was said about it. A bad row is not here: it is a Reject."""

from __future__ import annotations

from tradenexus.errors import Unprocessable


class FormatUnsupported(Unprocessable):
    """The file is none of CSV, Parquet, Arrow IPC, Feather v2, JSON lines or JSON. Convert it to one of these."""

    code = "FORMAT_UNSUPPORTED"


class FeatherV1Unsupported(FormatUnsupported):
    """The file is Feather version 1, which nobody maintains. Write it again as Feather v2, Parquet or CSV."""

    code = "FEATHER_V1_UNSUPPORTED"


class HtmlNotData(FormatUnsupported):
    """The file is a web page, perhaps an error or a login page saved under a data file's name. Download it again."""

    code = "HTML_NOT_DATA"


class StillPacked(FormatUnsupported):
    """The file was packed twice: after unpacking it is still compressed. Unpack it once and upload it again."""

    code = "STILL_COMPRESSED"


class FileEmpty(Unprocessable):
    """The file holds no records. Check the export that made it."""

    code = "FILE_EMPTY"


class EncodingInvalid(Unprocessable):
    """The text is not in the encoding it is said to be in. Declare the encoding, or save the file as UTF-8."""

    code = "ENCODING_INVALID"


class TruncatedFile(Unprocessable):
    """The file ends in the middle. Download or copy it again; what was already uploaded is kept."""

    code = "TRUNCATED_FILE"


class FileDamaged(Unprocessable):
    """The file contradicts itself: a checksum, a length or a page does not fit. Write or download it again."""

    code = "FILE_DAMAGED"


class ChecksumInvalid(FileDamaged):
    """The compressed data's own checksum does not match. Some bytes were changed on the way: download it again."""

    code = "COMPRESSION_CHECKSUM_INVALID"


class CompressionBomb(Unprocessable):
    """The file unfolds to far more than market data ever does. It is not read further; send it uncompressed if true."""

    code = "COMPRESSION_BOMB"


class RecordTooLong(Unprocessable):
    """One record is longer than any record of market data. A quote may be open, or the separator is another one."""

    code = "RECORD_TOO_LONG"


class QuoteUnbalanced(Unprocessable):
    """A quotation mark is opened and never closed. Repair the line named, or declare that the file has no quotes."""

    code = "QUOTE_UNBALANCED"


class TooManyColumns(Unprocessable):
    """The file has more columns than a table of market data can have. Export only the columns you need."""

    code = "TOO_MANY_COLUMNS"


class RowGroupTooLarge(Unprocessable):
    """A row group of the Parquet file is too large to be read in bounded memory. Write it with smaller row groups."""

    code = "ROW_GROUP_TOO_LARGE"


class JsonInvalid(Unprocessable):
    """The text is not JSON, or nested too deeply; `details` names the line. Repair it, or export as CSV."""

    code = "JSON_INVALID"


class RecordsNotFound(Unprocessable):
    """The JSON holds no array of objects or arrays that could be records. Name the place of the records."""

    code = "RECORDS_NOT_FOUND"


class RecordsElsewhere(Unprocessable):
    """Records of the same form stand in several arrays of the JSON; reading one would lose the others. Split them."""

    code = "RECORDS_ELSEWHERE"


class ColumnMissing(Unprocessable):
    """A mapped column is not in the file; `details` lists those that are. Correct the mapping."""

    code = "COLUMN_MISSING"


class ColumnTypeUnsupported(Unprocessable):
    """A mapped column holds something that is neither number, text nor time (a list, a struct). Map another column."""

    code = "COLUMN_TYPE_UNSUPPORTED"


class MappingIncomplete(Unprocessable):
    """Something about the file must be said before it can be read. Answer the questions in `details`."""

    code = "MAPPING_INCOMPLETE"


class TimezoneRequired(MappingIncomplete):
    """The times carry no zone and none was declared. Declare `timezone`, such as UTC or America/New_York."""

    code = "TIMEZONE_REQUIRED"


class TimezoneUnknown(Unprocessable):
    """The declared time zone has no entry in the time zone database. Use an IANA name such as Europe/Berlin."""

    code = "TIMEZONE_UNKNOWN"


class DateOrderAmbiguous(MappingIncomplete):
    """Day and month cannot be told apart in the dates. Declare `dateOrder`: dmy or mdy."""

    code = "DATE_ORDER_AMBIGUOUS"


class TimestampUnitsMixed(Unprocessable):
    """One time column holds different epoch units; `details` names rows of each. Export the file with one unit."""

    code = "TIMESTAMP_UNITS_MIXED"
