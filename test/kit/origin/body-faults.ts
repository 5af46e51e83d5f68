import { brotliCompressSync, gzipSync } from 'node:zlib'
import { body, same, type FaultCase } from './fault-case.ts'
import { answer, requestedRange, contentRange, representation, serve } from './serve.ts'
import { encoded, half, healthy, rawHead, sendFirst, sendRaw, toBodies } from './spoil.ts'

/** Bodies that differ from what was announced or requested. */
export const bodyFaults = {
  stall: {
    does: 'stalls in the middle of the body',
    fault: toBodies((exchange) => sendFirst(exchange, half, () => undefined)),
    ...body('stalls'),
  },
  truncate: {
    does: 'closes the connection in the middle of the body',
    fault: toBodies((exchange) => sendFirst(exchange, half, () => exchange.request.socket.end())),
    ...body('breaks'),
  },
  resetBody: {
    does: 'resets the connection in the middle of the body',
    fault: toBodies((exchange) =>
      sendFirst(exchange, half, () => setTimeout(() => exchange.request.socket.resetAndDestroy(), 30)),
    ),
    ...body('breaks'),
  },
  overSend: {
    does: 'sends more bytes than announced',
    fault: toBodies((exchange) => {
      const { body: bytes } = healthy(exchange)
      const head = rawHead(exchange, [`Content-Length: ${bytes.length}`])
      sendRaw(exchange, head, Buffer.concat([bytes, Buffer.from('and more')]))
    }),
    ...body('object'),
  },
  announceMore: {
    does: 'announces more bytes than it sends',
    fault: toBodies((exchange) => {
      const { body: bytes } = healthy(exchange)
      sendRaw(exchange, rawHead(exchange, [`Content-Length: ${bytes.length + 10}`]), bytes)
    }),
    // A part's length is known from its range, so the mismatch shows at once.
    get: 'breaks',
    range: 'unavailable',
    head: 'object',
    overstatesSize: true,
  },
  twoLengths: {
    does: 'sends two Content-Lengths',
    fault: toBodies((exchange) => {
      const { body: bytes } = healthy(exchange)
      const lengths = [`Content-Length: ${bytes.length}`, `Content-Length: ${half(bytes.length)}`]
      sendRaw(exchange, rawHead(exchange, lengths), bytes)
    }),
    ...body('unavailable'),
  },
  lengthAndChunked: {
    does: 'sends a wrong Content-Length with a chunked body',
    fault: toBodies((exchange) => {
      const { body: bytes } = healthy(exchange)
      const lines = [`Content-Length: ${half(bytes.length)}`, 'Transfer-Encoding: chunked']
      const size = `${bytes.length.toString(16)}\r\n`
      const chunked = Buffer.concat([Buffer.from(size), bytes, Buffer.from('\r\n0\r\n\r\n')])
      sendRaw(exchange, rawHead(exchange, lines), chunked)
    }),
    ...body('object'),
    sizeUnknown: ['get'],
  },
  chunked: {
    does: 'sends no length',
    fault: (exchange) => {
      if (!exchange.object) return serve(exchange)
      const { status: code, headers, body: bytes } = healthy(exchange)
      exchange.response.writeHead(code, { ...headers, 'Transfer-Encoding': 'chunked' })
      exchange.count(bytes.length)
      exchange.response.end(exchange.request.method === 'HEAD' ? undefined : bytes)
    },
    ...same('object'),
    sizeUnknown: ['get', 'head'],
  },
  chunkedTruncate: {
    does: 'ends a chunked body without its last chunk',
    fault: toBodies((exchange) => {
      const { body: bytes } = healthy(exchange)
      const size = `${bytes.length.toString(16)}\r\n`
      const chunk = Buffer.concat([Buffer.from(size), bytes.subarray(0, half(bytes.length))])
      sendRaw(exchange, rawHead(exchange, ['Transfer-Encoding: chunked']), chunk)
    }),
    ...body('breaks'),
    sizeUnknown: ['get'],
  },
  gzip: {
    does: 'sends gzip although it was not accepted',
    fault: encoded('gzip', gzipSync),
    ...same('object'),
    sizeUnknown: ['get', 'range', 'head'],
  },
  gzipPart: {
    does: 'sends gzip, and parts of it, although it was not accepted',
    fault: (exchange) => {
      const { object, response } = exchange
      if (!object) return serve(exchange)
      response.setHeader('Content-Encoding', 'gzip')
      // Not compressed, so that every range of the object is one of it.
      serve({ ...exchange, object: { ...object, body: gzipSync(object.body, { level: 0 }) } })
    },
    ...same('object'),
    sizeUnknown: ['get', 'range', 'head'],
  },
  brotli: {
    does: 'sends brotli although it was not accepted',
    fault: encoded('br', brotliCompressSync),
    ...same('object'),
    sizeUnknown: ['get', 'range', 'head'],
  },
  gzipTruncate: {
    does: 'sends gzip that ends in the middle',
    fault: toBodies(encoded('gzip', (bytes) => gzipSync(bytes).subarray(0, -12))),
    ...body('breaks'),
    sizeUnknown: ['get', 'range'],
  },
  falseGzip: {
    does: 'claims gzip but sends plain bytes',
    fault: toBodies(encoded('gzip', (bytes) => bytes)),
    ...body('breaks'),
    sizeUnknown: ['get', 'range'],
  },
  wrongRange: {
    does: 'answers with a different range',
    fault: toBodies((exchange) => {
      const range = requestedRange(exchange)
      if (!exchange.object || !range || range === 'unsatisfiable') return serve(exchange)
      const wrong = { start: range.start + 1, end: range.end }
      const headers = { ...representation(exchange), 'Content-Range': contentRange(wrong, exchange.object) }
      answer(exchange, 206, headers, exchange.object.body.subarray(wrong.start, wrong.end + 1))
    }),
    get: 'object',
    range: 'unavailable',
    head: 'object',
  },
  ignoreRange: {
    does: 'ignores Range',
    fault: (exchange) => {
      delete exchange.request.headers.range
      serve(exchange)
    },
    ...same('object'),
  },
  unrequestedPart: {
    does: 'answers with a part of the object to a request without Range',
    fault: toBodies((exchange) => {
      if (exchange.object) exchange.request.headers.range ??= `bytes=0-${half(exchange.object.body.length)}`
      serve(exchange)
    }),
    get: 'unavailable',
    range: 'object',
    head: 'object',
  },
} satisfies Record<string, FaultCase>
