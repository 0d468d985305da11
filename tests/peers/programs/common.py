"""What both Python programs share with bodies.ts."""

import array
import hashlib

import h2.connection
import h2.exceptions
import h2.settings

NAMES = {
    "table": h2.settings.SettingCodes.HEADER_TABLE_SIZE,
    "streams": h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS,
    "window": h2.settings.SettingCodes.INITIAL_WINDOW_SIZE,
    "frame": h2.settings.SettingCodes.MAX_FRAME_SIZE,
    "headers": h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE,
    "push": h2.settings.SettingCodes.ENABLE_PUSH,
}


def start(connection, client, values):
    """Sends the preface with these settings, which h2 applies to itself only when they change later."""
    values = {NAMES[name]: value for name, value in values.items()}
    settings = connection.local_settings = h2.settings.Settings(client=client, initial_values=values)
    connection.max_inbound_frame_size = settings.max_frame_size
    # What the peer may use until it has seen ours is the default.
    connection.decoder.max_allowed_table_size = max(4096, settings.header_table_size)
    if settings.max_header_list_size is not None:
        connection.decoder.max_header_list_size = settings.max_header_list_size
    connection.initiate_connection()


def give_back(connection, event):
    """Gives the octets of a DATA frame back to both windows."""
    if not event.flow_controlled_length:
        return
    connection.increment_flow_control_window(event.flow_controlled_length)
    try:
        connection.increment_flow_control_window(event.flow_controlled_length, event.stream_id)
    except h2.exceptions.StreamClosedError:
        pass  # h2 knows what follows in the buffer.


PERIOD = 999_983


def pattern(length, seed=1):
    words = array.array("I", bytes((min(length, PERIOD) + 3) // 4 * 4))
    x = (seed * 0x9E3779B1 & 0xFFFFFFFF) | 1
    for i in range(len(words)):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        words[i] = x
    period = words.tobytes()[: min(length, PERIOD)]
    return (period * (length // PERIOD + 1))[:length]


def fields_digest(fields):
    hash = hashlib.sha256()
    for name, value in fields:
        if name.startswith("x-"):
            hash.update(f"{name}: {value}\n".encode("latin-1"))
    return hash.hexdigest()
