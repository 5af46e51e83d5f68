import { CHAIN_PROBLEMS, type Operation } from './operation.ts'

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']
const REPRESENTATION = [
  'ETag',
  'Last-Modified',
  'Accept-Ranges',
  'Cache-Control',
  'Cache-Status',
  'Server-Timing',
]
const UPLOAD_HEADERS = ['Content-MD5', 'Repr-Digest', 'Cache-Control', 'Content-Disposition']

export const READ = {
  headers: [...CONDITIONS, 'Range', 'If-Range'],
  answers: {
    200: { description: 'The object.', type: '*/*', headers: REPRESENTATION },
    206: {
      description: 'The part that Range asked for.',
      type: '*/*',
      headers: [...REPRESENTATION, 'Content-Range'],
    },
    304: { description: 'Not changed.', headers: ['ETag', 'Last-Modified', 'Cache-Control'] },
  },
  problems: [400, 404, 412, 416, 502, 504, 508],
} as const

export const UPLOAD = {
  headers: UPLOAD_HEADERS,
  body: {
    types: ['*/*'],
    required: true,
    description:
      'The bytes. Content-Type and the other representation headers and `x-amz-meta-*` are kept; without a type, or with a form’s, it is the one of the name’s extension; a digest (Content-MD5, `x-amz-checksum-*`, Repr-Digest) that does not match stores nothing.',
  },
} as const

export const mediaOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/{name}',
    id: 'getObject',
    tag: 'Media',
    summary: 'Serves the object from the first backend that has it',
    description:
      'Follows RFC 9110: validators, conditions, one byte range. Never 404 unless every backend proved the object absent. While migrating, what a fallback answers is copied into the first backend that accepts it.',
    ...READ,
  },
  {
    method: 'head',
    path: '/{name}',
    id: 'headObject',
    tag: 'Media',
    summary: 'The headers of GET; opens no body anywhere and copies nothing',
    headers: CONDITIONS,
    answers: {
      200: { description: 'The headers.', headers: [...REPRESENTATION, 'Content-Length'] },
      304: { description: 'Not changed.' },
    },
    problems: [400, 404, 412, 502, 504, 508],
  },
  {
    method: 'put',
    path: '/{name}',
    id: 'putObject',
    tag: 'Media',
    summary: 'Stores or replaces the object in the first writable backend',
    protected: true,
    body: UPLOAD.body,
    headers: ['If-Match', 'If-None-Match', 'If-Unmodified-Since', ...UPLOAD_HEADERS],
    answers: {
      201: { description: 'Stored; there was none.', headers: ['ETag'] },
      204: { description: 'Replaced.', headers: ['ETag'] },
    },
    problems: [400, 412, 413, 503, ...CHAIN_PROBLEMS],
  },
  {
    method: 'delete',
    path: '/{name}',
    id: 'deleteObject',
    tag: 'Media',
    summary: 'Deletes the object, for good even if a fallback still holds it',
    protected: true,
    headers: ['If-Match', 'If-None-Match', 'If-Unmodified-Since'],
    answers: { 204: { description: 'Deleted, or not there to begin with.' } },
    problems: [400, 412, ...CHAIN_PROBLEMS],
  },
  {
    method: 'options',
    path: '/{name}',
    id: 'optionsObject',
    tag: 'Media',
    summary: 'Tells the methods, and answers CORS preflights',
    answers: { 204: { description: 'Allowed methods.', headers: ['Allow'] } },
  },
]
