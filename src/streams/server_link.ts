/**
 * One connection of a server pool.
 *
 * @module
 */
import type { Channel, ChannelHandler, Connection, ConnectionHandler, Fields } from "../adapter/contract.ts";
import { field } from "./headers.ts";
import { Link } from "./link.ts";
import { REFUSED_STREAM } from "./seat.ts";
import type { ServerCore } from "./server_core.ts";
import { ServerSeat } from "./server_seat.ts";

/** Takes a client's requests for streams. */
export class ServerLink extends Link implements ConnectionHandler {
  declare readonly core: ServerCore;
  /** Whether the first stream has its id. */
  greeted = false;
  /** Streams that have no id yet. */
  opening = 0;

  constructor(core: ServerCore, connection: Connection) {
    super(core);
    this.attach(connection);
  }

  channel(channel: Channel, fields: Fields, body: "body" | "none"): ChannelHandler {
    const seat = new ServerSeat(this);
    seat.channel = channel;
    this.busy.add(seat);
    const path = field(fields, ":path");
    if (field(fields, ":method") !== "POST" || (path !== "/stream" && !path?.startsWith("/stream?"))) {
      seat.turnAway(404);
    } else if (body === "none") seat.turnAway(400);
    else if (this.core.closing || !this.core.mayOpen(this) || !this.core.reserve(seat)) {
      this.core.counters.rejected++;
      channel.reset(REFUSED_STREAM);
    } else {
      this.opening++;
      seat.begin(fields);
    }
    return seat;
  }

  // The client leaves: it ends its idle streams itself, and goes on with those in use.
  goaway(): void {}
}
