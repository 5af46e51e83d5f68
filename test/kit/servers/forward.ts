import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'

export interface Forwarding {
  /** Replaces the request's own headers. */
  headers?: NodeJS.Dict<string | string[]>
  /** Handles the response instead of passing it on. */
  onAnswer?: (answer: IncomingMessage) => void
}

/** Forwards a request to `upstream` unchanged (including Host, which signatures cover), and the response back. */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: URL,
  { headers = request.headers, onAnswer = (answer) => passBack(answer, response) }: Forwarding = {},
): void {
  const { method, url: path } = request
  const { hostname, port } = upstream
  const onward = httpRequest({ hostname, port, method, path, headers, agent: false }, onAnswer)
  onward.on('error', () => response.destroy())
  request.on('error', () => onward.destroy())
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

export function passBack(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, answer.headers)
  answer.on('error', () => response.destroy())
  answer.pipe(response)
}
