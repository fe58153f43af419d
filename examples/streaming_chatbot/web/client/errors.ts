/** What can go wrong between the page and the server; every error of the client is one of these. */
export class ClientError extends Error {
  override name = "ClientError"
}

/** One event is larger than the limit: it is not read to its end. */
export class EventTooLarge extends ClientError {
  override name = "EventTooLarge"
}

/** The other side said something that is no such stream. */
export class ProtocolError extends ClientError {
  override name = "ProtocolError"
}

/** A patch does not fit the value that it is for. */
export class PatchError extends ClientError {
  override name = "PatchError"
}

/** The connection was lost, and could not be had again. */
export class ConnectionLost extends ClientError {
  override name = "ConnectionLost"
}

/** What the server tells of its refusal. */
export interface Refusal {
  readonly type: string | undefined
  readonly message: string
  /** The answer that is under way in the session, where that is the reason. */
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

/** The stream, or the part of it that was asked for, is not there any more. */
export class StreamGone extends RequestRefused {
  override name = "StreamGone"
}
