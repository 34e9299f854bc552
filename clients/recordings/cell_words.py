"""Words for a value in a cell: that there is none, and yes and no."""

MISSING = frozenset(
    word.casefold()
    for word in (
        # spreadsheets, pandas, R, SQL, JSON
        "", "NaN", "-NaN", "NA", "N/A", "n.a.", "<NA>", "NaT", "null", "(null)", "none", "nil",
        "missing", "\\N",
        "#N/A", "#N/A N/A", "#NA", "#VALUE!", "#REF!",
        "#DIV/0!", "#NUM!", "#NAME?", "#NULL!", "-1.#IND", "1.#QNAN",
        "-", "--", "---", "?", ".", "..", "...", "*", "undefined", "empty",
        # historians: states of a point or of its interface
        "Bad", "Bad Input", "Bad Data", "Bad Quality",
        "Bad Value", "No Data", "NoData", "No Good Data", "No Result",
        "No Value", "No Sample", "No Input", "I/O Timeout",
        "IO Timeout", "Timeout", "Comm Fail", "Comm Error",
        "Pt Created", "Shutdown", "Intf Shut", "Scan Off", "Scan Timeout", "Configure", "Config Error",
        "Calc Failed", "Calc Off", "Calc Overflow",
        "Not Connect", "Not Connected", "Out of Serv", "Out of Service",
        "Over Range", "Under Range", "Over", "Under",
        "Access Denied", "Arc Off-line", "Offline", "Error", "Err",
        "Invalid", "Invalid Data", "Failed", "Device Failure", "Sensor Failure", "Equip Fail", "Unit Down",
        "Intf Not Run", "Doubtful", "Blank", "Unavailable", "Unknown", "Not Available", "Filter Tag",
    )
)  # fmt: skip
"""Words that say there is no value, in small letters."""
_YES = "true yes on wahr ja ein vrai oui vero verdadero sí si"
_NO = "false no off falsch nein aus faux non falso"
YES_AND_NO = frozenset((*_YES.split(), *_NO.split()))
LETTERS = (frozenset("tf"), frozenset("yn"), frozenset("jn"), frozenset("on"), frozenset("sn"))
"""Each pair is read so only where a column has no other texts."""
VALUE_OF_WORD = (
    dict.fromkeys(_NO.split(), 0.0) | dict.fromkeys("fn", 0.0) | dict.fromkeys((*_YES.split(), *"tyjos"), 1.0)
)
NOT_FINITE = frozenset({"inf", "+inf", "-inf", "infinity", "-infinity", "+infinity", "∞", "-∞"})
