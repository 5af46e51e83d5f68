import { bodyFaults } from './body-faults.ts'
import { same, type FaultCase } from './fault-case.ts'
import { answer, serve } from './serve.ts'
import { redirect, sendRaw, status } from './spoil.ts'

/** Every fault that the tests try. */
export const faults = {
  refuse: { does: 'refuses connections', fault: null, ...same('unavailable') },
  reset: {
    does: 'resets the connection',
    fault: ({ request }) => request.socket.resetAndDestroy(),
    ...same('unavailable'),
  },
  hangUp: {
    does: 'closes the connection without an answer',
    fault: ({ request }) => request.socket.end(),
    ...same('unavailable'),
  },
  hang: { does: 'never answers', fault: () => undefined, ...same('timeout') },
  garbage: {
    does: 'answers with something other than HTTP',
    fault: (exchange) => sendRaw(exchange, 'THIS IS NO HTTP AT ALL\r\n\r\n'),
    ...same('unavailable'),
  },
  noHead: {
    does: 'does not support HEAD',
    fault: (exchange) => (exchange.request.method === 'HEAD' ? status(405)(exchange) : serve(exchange)),
    ...same('object'),
  },
  htmlPage: { does: 'answers 200 with an error page', fault: status(200), ...same('unavailable') },
  redirectLoop: {
    does: 'redirects to itself',
    fault: redirect(({ request }) => request.url ?? '/'),
    ...same('unavailable'),
  },
  redirectOnce: {
    does: 'redirects to another URL of the object',
    fault: (exchange) =>
      exchange.request.url?.includes('?')
        ? serve(exchange)
        : redirect(({ request }) => `${request.url}?moved`)(exchange),
    ...same('object'),
  },
  redirectPort: {
    does: 'redirects to another port of its private address',
    fault: redirect('http://127.0.0.1:9/admin'),
    ...same('unavailable'),
  },
  redirectLocalhost: {
    does: 'redirects to localhost',
    fault: redirect(({ url, request }) => `${url.replace('127.0.0.1', 'localhost')}${request.url?.slice(1)}`),
    ...same('unavailable'),
  },
  redirectMetadata: {
    does: 'redirects to the metadata service',
    fault: redirect('http://169.254.169.254/latest/meta-data/'),
    ...same('unavailable'),
  },
  redirectScheme: {
    does: 'redirects to a file',
    fault: redirect('file:///etc/passwd'),
    ...same('unavailable'),
  },
  redirectNowhere: {
    does: 'redirects without a Location',
    fault: (exchange) => answer(exchange, 302),
    ...same('unavailable'),
  },
  status204: { does: 'answers 204', fault: (exchange) => answer(exchange, 204), ...same('unavailable') },
  status304: {
    does: 'answers 304 to an unconditional request',
    fault: (exchange) => answer(exchange, 304),
    ...same('unavailable'),
  },
  status400: { does: 'answers 400', fault: status(400), ...same('unavailable'), refusesRequest: true },
  status401: { does: 'answers 401', fault: status(401), ...same('denied') },
  status403: { does: 'answers 403', fault: status(403), ...same('denied') },
  status404: { does: 'answers 404', fault: status(404), ...same('absent') },
  status410: { does: 'answers 410', fault: status(410), ...same('absent') },
  status429: {
    does: 'answers 429 with Retry-After',
    fault: status(429, { 'Retry-After': '7' }),
    ...same('unavailable'),
  },
  status500: { does: 'answers 500', fault: status(500), ...same('unavailable') },
  status503: { does: 'answers 503', fault: status(503), ...same('unavailable') },
  hugeHeaders: {
    does: 'sends 100 KB of headers',
    fault: (exchange) => {
      for (let index = 0; index < 100; index++)
        exchange.response.setHeader(`X-Padding-${index}`, 'x'.repeat(1000))
      serve(exchange)
    },
    ...same('object'),
  },
  badHeader: {
    does: 'sends a malformed header',
    fault: (exchange) =>
      sendRaw(exchange, 'HTTP/1.1 200 OK\r\nthis is no header\r\nContent-Length: 2\r\n\r\nhi'),
    ...same('unavailable'),
  },
  badStatus: {
    does: 'sends a malformed status line',
    fault: (exchange) => sendRaw(exchange, 'HTTP/1.1 fine\r\nContent-Length: 2\r\n\r\nhi'),
    ...same('unavailable'),
  },
  ...bodyFaults,
} satisfies Record<string, FaultCase>

export type FaultName = keyof typeof faults
