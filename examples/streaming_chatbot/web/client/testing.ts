/** A real server on loopback for tests. Each test sets its responses, and it can cut a connection at any byte. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Payloads, StreamEvent } from "./events.ts"

export interface Seen {
  readonly route: string
  readonly lastEventId: string | undefined
  readonly body: string
}

export interface TestServer extends AsyncDisposable {
  readonly base: string
  readonly seen: Seen[]
}

type Answer = (response: ServerResponse, seen: Seen, count: number) => unknown

/** Serve each request with `answer`; its last argument is the number of earlier requests. */
export async function serve(answer: Answer): Promise<TestServer> {
  const seen: Seen[] = []
  const sockets = new Set<Socket>()
  const server = createServer(async (request, response) => {
    const one = await read(request)
    seen.push(one)
    await answer(response, one, seen.length - 1)
  })
  server.on("connection", (socket) => sockets.add(socket.on("close", () => sockets.delete(socket))))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function read(request: IncomingMessage): Promise<Seen> {
  const body: Buffer[] = []
  for await (const piece of request) body.push(piece as Buffer)
  return {
    route: `${request.method} ${request.url?.replace("/api", "")}`,
    lastEventId: request.headers["last-event-id"] as string | undefined,
    body: Buffer.concat(body).toString(),
  }
}

export function head(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" }).flushHeaders()
}

/** Send bytes, and close the connection without an end of the body, as a server that dies. */
export function cut(response: ServerResponse, bytes: Uint8Array | string): void {
  head(response)
  if (bytes.length === 0) response.destroy()
  else response.write(bytes, () => response.destroy())
}

export function refuse(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body))
}

/** Number events from 1, as a stream does. */
export function events(
  ...list: { [Name in keyof Payloads]: [Name, Payloads[Name]] }[keyof Payloads][]
): StreamEvent[] {
  return list.map(([event, data], index) => ({ id: index + 1, event, data }) as StreamEvent)
}

export function wire(list: readonly StreamEvent[], retry = 1): string {
  const parts = list.map(
    ({ id, event, data }) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  )
  return `retry: ${retry}\n${parts.join("")}`
}
