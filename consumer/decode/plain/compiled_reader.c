/* The plain records and payloads of a delivery, read at once: what the module beside it
   uses, where it is built.

   The definition is the code in Python, and this reads a part of what that does, to the same bits: whatever is
   not exactly plain makes a function answer None, having changed nothing, and then Python reads the same again.
   So there is no code here for anything rare.

   What is read comes from the world. The rules:
   - No byte is read but within `at` and `end` of a text, nor written but within what was counted before.
   - What a dict or a list holds is borrowed only as long as nothing is called that may run Python's code. To
     look into a dict of JSON runs none: its names are texts.
   - Numbers round as Python's float() does: by one operation on exact operands, or by Python's own function.

   Python's limited API alone: one build serves each Python from 3.11 on. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

typedef struct {
    const char *at, *end;
} Text;

/* A str's UTF-8, which lives as long as the str; 0 if it is none, or has half a surrogate pair. */
static int text_of(PyObject *object, Text *text)
{
    Py_ssize_t length;
    if (!PyUnicode_CheckExact(object)) return 0;
    text->at = PyUnicode_AsUTF8AndSize(object, &length);
    if (text->at == NULL) {
        PyErr_Clear();
        return 0;
    }
    text->end = text->at + length;
    return 1;
}

static Py_ssize_t length_of(Text text) { return text.end - text.at; }

static int are_equal(Text one, Text other)
{
    return length_of(one) == length_of(other) && memcmp(one.at, other.at, (size_t)length_of(one)) == 0;
}

static PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

/* ---- Records: the fields of the dicts that Lambda's client makes, and what their base64 holds. ---- */

enum { KINESIS, ARN, EVENT_ID, IDENTIFIER, PARTITION_KEY, DATA, ARRIVED, FIELDS };
static const char *const FIELD_NAMES[FIELDS] = {
    "kinesis", "eventSourceARN", "eventID",
    "sequenceNumber", "partitionKey", "data", "approximateArrivalTimestamp",
};
static PyObject *field_names[FIELDS];

enum { NO_DIGIT = 0x80, BLOCK = 16, LINE_BYTES = 64, IDENTIFIER_BYTES_MAX = 128 };
static unsigned char sextets[256];

/* New bytes; NULL without an exception if the text is not canonical base64. */
static PyObject *from_base64(Text text)
{
    Py_ssize_t length = length_of(text);
    if (length % 4 != 0) return NULL;
    const unsigned char *from = (const unsigned char *)text.at;
    int padding = length == 0 || from[length - 1] != '=' ? 0 : from[length - 2] != '=' ? 1 : 2;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, length / 4 * 3 - padding);
    if (bytes == NULL) return NULL;
    unsigned char *to = (unsigned char *)PyBytes_AsString(bytes);
    unsigned wrong = 0;
    for (Py_ssize_t left = length / 4 - (padding != 0); left > 0; left--, from += 4, to += 3) {
        unsigned a = sextets[from[0]], b = sextets[from[1]], c = sextets[from[2]], d = sextets[from[3]];
        wrong |= (a | b | c | d) & NO_DIGIT;
        unsigned bits = a << 18 | b << 12 | c << 6 | d;
        to[0] = (unsigned char)(bits >> 16);
        to[1] = (unsigned char)(bits >> 8);
        to[2] = (unsigned char)bits;
    }
    if (padding != 0) {
        unsigned a = sextets[from[0]], b = sextets[from[1]], c = padding == 1 ? sextets[from[2]] : 0;
        wrong |= (a | b | c) & NO_DIGIT;
        unsigned bits = a << 18 | b << 12 | c << 6;
        wrong |= bits & (padding == 1 ? 0xff : 0xffff);
        to[0] = (unsigned char)(bits >> 16);
        if (padding == 1) to[1] = (unsigned char)(bits >> 8);
    }
    if (wrong) Py_CLEAR(bytes);
    return bytes;
}

/* What a dict has by the name of a field, borrowed; NULL, perhaps with an exception. */
static PyObject *field_of(PyObject *dict, int field)
{
    return PyDict_CheckExact(dict) ? PyDict_GetItemWithError(dict, field_names[field]) : NULL;
}

/* A new reference to an arrival's seconds, as a float; NULL if it is no time that Lambda sends. */
static PyObject *seconds_of(PyObject *arrived, double arrived_s_end)
{
    double seconds;
    if (PyFloat_CheckExact(arrived)) {
        seconds = PyFloat_AsDouble(arrived);
    } else if (PyLong_CheckExact(arrived)) {
        seconds = PyLong_AsDouble(arrived);
        if (seconds == -1.0 && PyErr_Occurred()) return NULL;
    } else {
        return NULL;
    }
    if (!(seconds >= 0 && seconds < arrived_s_end)) return NULL;
    if (PyLong_CheckExact(arrived)) return PyFloat_FromDouble(seconds);
    Py_INCREF(arrived);
    return arrived;
}

enum { OF_IDENTIFIERS, OF_PARTITION_KEYS, OF_ARRIVALS, OF_DATA, OF_PAYLOADS, COLUMNS };

/* What is the same for all records: what they have to be of, and where they go. */
typedef struct {
    Text arn, prefix;
    Py_ssize_t width;
    double arrived_s_end;
    PyObject *columns[COLUMNS];
    char *digits;
} Delivery;

/* Add a record by its fields, in its place; 0 if it is not plain, perhaps with an exception. */
static int add_record(const Delivery *delivery, Py_ssize_t place, PyObject *const *fields)
{
    Py_ssize_t width = delivery->width;
    Text arn, event_id, identifier, data;
    if (!text_of(fields[ARN], &arn) || !are_equal(arn, delivery->arn)) return 0;
    if (!text_of(fields[IDENTIFIER], &identifier) || length_of(identifier) != width) return 0;
    /* The event's id is the shard's and the sequence number. */
    if (!text_of(fields[EVENT_ID], &event_id)) return 0;
    if (length_of(event_id) != length_of(delivery->prefix) + width) return 0;
    Text shard = {event_id.at, event_id.end - width}, number = {event_id.end - width, event_id.end};
    if (!are_equal(shard, delivery->prefix) || !are_equal(number, identifier)) return 0;
    if (!PyUnicode_CheckExact(fields[PARTITION_KEY]) || !text_of(fields[DATA], &data)) return 0;
    char *digits = delivery->digits + place * width;
    memcpy(digits, identifier.at, (size_t)width);
    /* Of one length, numbers ascend as texts do. */
    if (place > 0 && memcmp(digits - width, digits, (size_t)width) >= 0) return 0;
    PyObject *payload = from_base64(data);
    PyObject *seconds = payload == NULL ? NULL : seconds_of(fields[ARRIVED], delivery->arrived_s_end);
    if (seconds == NULL) {
        Py_XDECREF(payload);
        return 0;
    }
    Py_INCREF(fields[IDENTIFIER]);
    Py_INCREF(fields[PARTITION_KEY]);
    Py_INCREF(fields[DATA]);
    PyObject *const made[COLUMNS] = {fields[IDENTIFIER], fields[PARTITION_KEY], seconds, fields[DATA], payload};
    /* The lists are new, and long enough: nothing fails, and each takes the reference over. */
    for (int column = 0; column < COLUMNS; column++) PyList_SetItem(delivery->columns[column], place, made[column]);
    return 1;
}

/* Add a block of records from a place on; 0 if one is not plain, perhaps with an exception.

   The dicts lie all over the memory, and most of the time would be waiting for it: the processor is told what
   is needed of sixteen records before it is looked at. */
static int add_block(const Delivery *delivery, Py_ssize_t place, PyObject *entries, Py_ssize_t start,
                     Py_ssize_t count)
{
    PyObject *fields[BLOCK][FIELDS];
    for (Py_ssize_t record = 0; record < count; record++) {
        PyObject *entry = PyList_GetItem(entries, start + record), **own = fields[record];
        if (entry == NULL) return 0;
        for (int field = KINESIS; field <= EVENT_ID; field++) {
            if ((own[field] = field_of(entry, field)) == NULL) return 0;
            PREFETCH(own[field]);
            PREFETCH((char *)own[field] + LINE_BYTES);
        }
    }
    for (Py_ssize_t record = 0; record < count; record++) {
        PyObject **own = fields[record];
        for (int field = IDENTIFIER; field <= ARRIVED; field++) {
            if ((own[field] = field_of(own[KINESIS], field)) == NULL) return 0;
            PREFETCH(own[field]);
            PREFETCH((char *)own[field] + LINE_BYTES);
        }
        PREFETCH((char *)own[DATA] + 2 * LINE_BYTES);
        PREFETCH((char *)own[DATA] + 3 * LINE_BYTES);
    }
    for (Py_ssize_t record = 0; record < count; record++)
        if (!add_record(delivery, place + record, fields[record])) return 0;
    return 1;
}

static int are_digits(const char *text, Py_ssize_t length)
{
    unsigned wrong = 0;
    for (Py_ssize_t at = 0; at < length; at++) wrong |= (unsigned char)(text[at] - '0') > 9;
    return !wrong;
}

PyDoc_STRVAR(records_doc,
"records(entries, start, end, arn, prefix, width, arrived_s_end, /)\n--\n\n"
"The fields of `entries[start:end]`, dicts as Lambda's client makes them, in columns.\n\n"
"They are the sequence numbers, partition keys, arrivals in seconds, data, what the data holds, and\n"
"the sequence numbers joined, which ascend. None if a record is not of that shard and stream, or is not\n"
"as Lambda sends it: `prefix` is that of its event's id, `width` the length of a sequence number.");

static PyObject *records(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *entries, *arn, *prefix, *found = NULL;
    Py_ssize_t start, end;
    Delivery delivery = {.columns = {NULL}};
    if (!PyArg_ParseTuple(args, "O!nnUUnd", &PyList_Type, &entries, &start, &end, &arn, &prefix, &delivery.width,
                          &delivery.arrived_s_end))
        return NULL;
    if (!text_of(arn, &delivery.arn) || !text_of(prefix, &delivery.prefix) || start < 0 || end <= start ||
        end > PyList_Size(entries) || delivery.width < 1 || delivery.width > IDENTIFIER_BYTES_MAX)
        Py_RETURN_NONE;
    Py_ssize_t count = end - start;
    PyObject *digits = PyBytes_FromStringAndSize(NULL, count * delivery.width), **columns = delivery.columns;
    int is_made = digits != NULL;
    for (int column = 0; column < COLUMNS; column++)
        is_made = is_made && (columns[column] = PyList_New(count)) != NULL;
    if (is_made) {
        int is_plain = 1;
        delivery.digits = PyBytes_AsString(digits);
        for (Py_ssize_t place = 0; is_plain && place < count; place += BLOCK)
            is_plain = add_block(&delivery, place, entries, start + place,
                                 count - place < BLOCK ? count - place : BLOCK);
        if (is_plain && are_digits(delivery.digits, count * delivery.width))
            found = PyTuple_Pack(6, columns[0], columns[1], columns[2], columns[3], columns[4], digits);
        else if (!PyErr_Occurred())
            found = none();
    }
    for (int column = 0; column < COLUMNS; column++) Py_XDECREF(columns[column]);
    Py_XDECREF(digits);
    return found;
}

/* ---- Payloads: JSON of a signal's name and a number or a list of numbers, perhaps with their times. ---- */

static const double POWERS_OF_TEN[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                       1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
enum { SAFE_DIGITS = 19, NUMBER_BYTES_MAX = 40 };
static const uint64_t EXACT_MAX = (uint64_t)1 << 53;
static const double NORMAL_MIN = 2.2250738585072014e-308;

static int is_at(const Text *text, char wanted) { return text->at < text->end && *text->at == wanted; }

static int skips(Text *text, char wanted)
{
    if (!is_at(text, wanted)) return 0;
    text->at++;
    return 1;
}

static void skip_blanks(Text *text)
{
    const char *at = text->at, *end = text->end;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    text->at = at;
}

/* Skip digits, and append them to a value; how many there are. Of more than 19, it is not what they say. */
static Py_ssize_t skip_digits(Text *text, uint64_t *value)
{
    const char *at = text->at, *end = text->end;
    uint64_t sum = *value;
    for (; at < end && *at >= '0' && *at <= '9'; at++) sum = sum * 10 + (uint64_t)(*at - '0');
    Py_ssize_t count = at - text->at;
    text->at = at;
    *value = sum;
    return count;
}

/* A number of JSON, as Python's float() reads it; 0 if it is none, or a rare one: too long, too small. */
static int read_number(Text *text, double *number)
{
    const char *start = text->at;
    int is_negative = skips(text, '-');
    uint64_t value = 0, power = 0;
    int has_zero = is_at(text, '0'), has_power = 0;
    Py_ssize_t digits = skip_digits(text, &value), decimals = 0;
    if (digits == 0 || (has_zero && digits > 1)) return 0;
    if (skips(text, '.')) {
        decimals = skip_digits(text, &value);
        if (decimals == 0) return 0;
    } else if (is_negative && value == 0) {
        return 0; /* an integer of JSON has no negative zero */
    }
    if (skips(text, 'e') || skips(text, 'E')) {
        has_power = 1;
        if (!skips(text, '+')) skips(text, '-');
        if (skip_digits(text, &power) == 0) return 0;
    }
    Py_ssize_t length = text->at - start;
    if (length > NUMBER_BYTES_MAX) return 0;
    if (!has_power && digits + decimals <= SAFE_DIGITS && value <= EXACT_MAX) {
        /* Both are exact: one division rounds as the decimal number does. */
        *number = (double)value / POWERS_OF_TEN[decimals];
        if (is_negative) *number = -*number;
        return 1;
    }
    char copy[NUMBER_BYTES_MAX + 1], *copy_end;
    memcpy(copy, start, (size_t)length);
    copy[length] = '\0';
    *number = PyOS_string_to_double(copy, &copy_end, NULL);
    return copy_end == copy + length && !PyErr_Occurred() &&
           (*number >= NORMAL_MIN || *number <= -NORMAL_MIN);
}

typedef struct {
    double *numbers;
    Py_ssize_t count, room;
    double least, most, before; /* least <= number <= most, and number < before */
} Numbers;

static int add_number(Numbers *into, Text *text)
{
    double number;
    if (!read_number(text, &number)) return 0;
    if (!(number >= into->least && number <= into->most && number < into->before)) return 0;
    if (into->count == into->room) {
        Py_ssize_t room = into->room * 2 + 1024;
        double *larger = PyMem_Realloc(into->numbers, (size_t)room * sizeof(double));
        if (larger == NULL) return 0; /* Python will see to it */
        into->numbers = larger;
        into->room = room;
    }
    into->numbers[into->count++] = number;
    return 1;
}

/* A number, or a list of at least one; how many there were, and 0 if it is none. */
static Py_ssize_t add_numbers(Numbers *into, Text *text, int is_list, Py_ssize_t count_max)
{
    if (!is_list) return add_number(into, text);
    Py_ssize_t count = 0;
    if (!skips(text, '[')) return 0;
    do {
        skip_blanks(text);
        if (count == count_max || !add_number(into, text)) return 0;
        count++;
        skip_blanks(text);
    } while (skips(text, ','));
    return skips(text, ']') ? count : 0;
}

/* By byte: whether it stands for itself in a text. */
static unsigned char is_letter[256];

/* A text of ASCII without escapes; 0 if it is none. */
static int read_text(Text *text, Text *found)
{
    if (!skips(text, '"')) return 0;
    const char *at = text->at, *end = text->end;
    while (at < end && is_letter[(unsigned char)*at]) at++;
    found->at = text->at;
    found->end = text->at = at;
    return skips(text, '"');
}

enum { NAME, VALUES, TIMES, KINDS };
#define TEXT(literal) {literal, &literal[sizeof literal - 1]}
static const Text OF_POINTS[KINDS] = {TEXT("signal"), TEXT("value"), TEXT("timestamp")};
static const Text OF_COLUMNS[KINDS] = {TEXT("signal"), TEXT("values"), TEXT("timestamps")};

typedef struct {
    Text name;
    Numbers *values, *times; /* to which its own are added */
    Py_ssize_t count;
    int is_timed;
} Payload;

/* One payload: an object of these names, each once, in any order; the times may lack. 0 if it is none. */
static int read_payload(PyObject *bytes, const Text *names, int is_list, Py_ssize_t count_max, Payload *into)
{
    const char *start = PyBytes_AsString(bytes);
    Text text = {start, start + PyBytes_Size(bytes)}, field;
    Py_ssize_t counts[KINDS] = {0};
    skip_blanks(&text);
    if (!skips(&text, '{')) return 0;
    do {
        int kind = 0;
        skip_blanks(&text);
        if (!read_text(&text, &field)) return 0;
        while (kind < KINDS && !are_equal(field, names[kind])) kind++;
        if (kind == KINDS || counts[kind] != 0) return 0;
        skip_blanks(&text);
        if (!skips(&text, ':')) return 0;
        skip_blanks(&text);
        if (kind == NAME)
            counts[kind] = read_text(&text, &into->name);
        else
            counts[kind] = add_numbers(kind == VALUES ? into->values : into->times, &text, is_list, count_max);
        if (counts[kind] == 0) return 0;
        skip_blanks(&text);
    } while (skips(&text, ','));
    if (!skips(&text, '}')) return 0;
    skip_blanks(&text);
    into->count = counts[VALUES];
    into->is_timed = counts[TIMES] != 0;
    return text.at == text.end && counts[NAME] != 0 && counts[VALUES] != 0 &&
           (counts[TIMES] == 0 || counts[TIMES] == counts[VALUES]);
}

/* The name as a str: that of the partition key, if it is the same, which it is most often. */
static PyObject *name_of(Text name, PyObject *partition_keys, Py_ssize_t record)
{
    PyObject *key = PyList_GetItem(partition_keys, record);
    Text text;
    if (key == NULL) return NULL;
    if (text_of(key, &text) && are_equal(text, name)) {
        Py_INCREF(key);
        return key;
    }
    return PyUnicode_FromStringAndSize(name.at, length_of(name));
}

static PyObject *bytes_of(const Numbers *numbers)
{
    return PyBytes_FromStringAndSize((const char *)numbers->numbers, numbers->count * (Py_ssize_t)sizeof(double));
}

PyDoc_STRVAR(payloads_doc,
"payloads(payloads, partition_keys, first, are_lists, count_max, value_max, time_min, time_end, /)\n--\n\n"
"The signals of a list of payloads, how many values each has if they are lists, the values, and the times.\n\n"
"Values and times are the bytes of doubles; the times are empty if there are none. None if one of the\n"
"payloads is not plain, is no list of at most `count_max` values where the others are, lacks the times\n"
"that others have, or has a number that is out of bounds: -value_max to value_max, time_min to before\n"
"time_end. The first payload is that of record `first` of the partition keys.");

static PyObject *payloads(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *payloads, *partition_keys, *found = NULL;
    Py_ssize_t first, count_max;
    int are_lists, was_timed = 0;
    double value_max, time_min, time_end;
    if (!PyArg_ParseTuple(args, "O!O!npnddd", &PyList_Type, &payloads, &PyList_Type, &partition_keys, &first,
                          &are_lists, &count_max, &value_max, &time_min, &time_end))
        return NULL;
    Py_ssize_t count = PyList_Size(payloads);
    if (count == 0 || first < 0 || first > PyList_Size(partition_keys) - count) Py_RETURN_NONE;
    const Text *names = are_lists ? OF_COLUMNS : OF_POINTS;
    Numbers values = {NULL, 0, 0, -value_max, value_max, Py_HUGE_VAL};
    Numbers times = {NULL, 0, 0, time_min, Py_HUGE_VAL, time_end};
    PyObject *signals = PyList_New(count), *lengths = PyList_New(are_lists ? count : 0);
    int is_plain = signals != NULL && lengths != NULL;
    for (Py_ssize_t record = 0; is_plain && record < count; record++) {
        PyObject *payload = PyList_GetItem(payloads, record);
        Payload read = {.values = &values, .times = &times};
        is_plain = payload != NULL && PyBytes_CheckExact(payload) &&
                   read_payload(payload, names, are_lists, count_max, &read) &&
                   (record == 0 || read.is_timed == was_timed);
        was_timed = read.is_timed;
        PyObject *signal = is_plain ? name_of(read.name, partition_keys, first + record) : NULL;
        if ((is_plain = signal != NULL)) PyList_SetItem(signals, record, signal);
        if (is_plain && are_lists) {
            PyObject *length = PyLong_FromSsize_t(read.count);
            if ((is_plain = length != NULL)) PyList_SetItem(lengths, record, length);
        }
    }
    if (is_plain) {
        PyObject *of_values = bytes_of(&values), *of_times = bytes_of(&times);
        if (of_values != NULL && of_times != NULL) found = PyTuple_Pack(4, signals, lengths, of_values, of_times);
        Py_XDECREF(of_values);
        Py_XDECREF(of_times);
    } else if (!PyErr_Occurred()) {
        found = none();
    }
    Py_XDECREF(signals);
    Py_XDECREF(lengths);
    PyMem_Free(values.numbers);
    PyMem_Free(times.numbers);
    return found;
}

static PyMethodDef functions[] = {
    {"records", records, METH_VARARGS, records_doc},
    {"payloads", payloads, METH_VARARGS, payloads_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "compiled_reader", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_compiled_reader(void)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    memset(sextets, NO_DIGIT, sizeof sextets);
    for (int value = 0; value < 64; value++) sextets[(unsigned char)DIGITS[value]] = (unsigned char)value;
    for (int byte = 0x20; byte < 0x7f; byte++) is_letter[byte] = byte != '"' && byte != '\\';
    for (int field = 0; field < FIELDS; field++) {
        field_names[field] = PyUnicode_InternFromString(FIELD_NAMES[field]);
        if (field_names[field] == NULL) return NULL;
    }
    return PyModule_Create(&definition);
}
