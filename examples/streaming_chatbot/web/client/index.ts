export { type AskOptions, Client, type ClientOptions, type FollowOptions } from "./client.ts"
export { EventDecoder, type ServerSentEvent } from "./decoder.ts"
export {
  ClientError,
  ConnectionLost,
  EventTooLarge,
  PatchError,
  ProtocolError,
  RequestRefused,
  StreamGone,
} from "./errors.ts"
export { isLast, type Payloads, readEvent, type StreamEvent, type Usage } from "./events.ts"
export { applyPatch, type Json, type Operation } from "./patch.ts"
