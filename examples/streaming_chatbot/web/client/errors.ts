/** Base class of the client's errors. */
export class ClientError extends Error {
  override name = "ClientError"
}

/** An event is larger than `maxEventSize`; it is not read to its end. */
export class EventTooLarge extends ClientError {
  override name = "EventTooLarge"
}

/** The server sent something that is not a valid stream of events. */
export class ProtocolError extends ClientError {
  override name = "ProtocolError"
}

/** A patch does not fit the value that it is applied to. */
export class PatchError extends ClientError {
  override name = "PatchError"
}

/** The connection was lost, and reconnecting failed or is not possible. */
export class ConnectionLost extends ClientError {
  override name = "ConnectionLost"
}

/** The server's reason for a refusal. */
export interface Refusal {
  readonly type: string | undefined
  readonly message: string
  /** The id of the answer that runs in the session, if that is the reason. */
  readonly stream: string | undefined
}

/** The server refused the request. */
export class RequestRefused extends ClientError {
  override name = "RequestRefused"
  readonly status: number
  readonly type: string | undefined
  readonly stream: string | undefined

  constructor(status: number, { type, message, stream }: Refusal) {
    super(message)
    this.status = status
    this.type = type
    this.stream = stream
  }
}

/** The stream, or the requested part of it, is no longer kept. */
export class StreamGone extends RequestRefused {
  override name = "StreamGone"
}
