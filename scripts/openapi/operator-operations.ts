import { listdirQuery, listQuery, purgeBody, tombstonesQuery } from '../../src/routes/api/schemas.ts'
import * as answers from './answers.ts'
import { CHAIN_PROBLEMS, type Operation } from './operation.ts'

const LISTING = {
  method: 'get',
  tag: 'Listings',
  protected: true,
  problems: [400, ...CHAIN_PROBLEMS],
} as const

const LISTDIR = {
  ...LISTING,
  query: listdirQuery,
  answers: { 200: { description: 'One page.', schema: answers.directory } },
} as const

const LIST = {
  ...LISTING,
  query: listQuery,
  answers: { 200: { description: 'One page.', schema: answers.listing } },
} as const

/** Listings, tombstones, and what the chain is and does. */
export const operatorOperations: readonly Operation[] = [
  {
    path: '/-/api/listdir/',
    id: 'listdirRoot',
    summary: 'Directories and files at the root, over all backends',
    ...LISTDIR,
  },
  {
    path: '/-/api/listdir/{path}',
    id: 'listdir',
    summary: 'Directories and files directly below a path, over all backends',
    ...LISTDIR,
  },
  {
    path: '/-/api/list/',
    id: 'listAll',
    summary: 'Every name, over all backends, in UTF-8 byte order, each once',
    ...LIST,
  },
  {
    path: '/-/api/list/{prefix}',
    id: 'list',
    summary: 'Every name that begins so, over all backends, in UTF-8 byte order, each once',
    ...LIST,
  },
  {
    method: 'get',
    path: '/-/api/tombstones',
    id: 'listTombstones',
    tag: 'Tombstones',
    summary: 'The deleted names that fallbacks may still hold',
    protected: true,
    query: tombstonesQuery,
    answers: { 200: { description: 'One page.', schema: answers.tombstones } },
    problems: [400, ...CHAIN_PROBLEMS],
  },
  {
    method: 'post',
    path: '/-/api/tombstones/purge',
    id: 'purgeTombstones',
    tag: 'Tombstones',
    summary: 'Removes the tombstones of names that no fallback holds any more',
    description: 'One page a call: go on with `cursor` until it is null. What a fallback cannot say is kept.',
    protected: true,
    body: { schema: purgeBody, required: false },
    answers: { 200: { description: 'What was, or would be, purged.', schema: answers.purge } },
    problems: [400, ...CHAIN_PROBLEMS],
  },
  {
    method: 'post',
    path: '/-/api/undelete/{name}',
    id: 'undelete',
    tag: 'Tombstones',
    summary: 'Removes the tombstone, so that what a fallback still holds is served again',
    protected: true,
    answers: { 200: { description: 'What came back.', schema: answers.undeleted } },
    problems: [400, 404, ...CHAIN_PROBLEMS],
  },
  {
    method: 'get',
    path: '/-/api/explain/{name}',
    id: 'explain',
    tag: 'Operations',
    summary: 'What the chain would do with a read of the name, and why',
    protected: true,
    answers: { 200: { description: 'What each backend says.', schema: answers.explanation } },
    problems: [400],
  },
  {
    method: 'get',
    path: '/-/api/backends',
    id: 'listBackends',
    tag: 'Operations',
    summary: 'The chain as configured, with the methods and the health of each backend',
    protected: true,
    answers: { 200: { description: 'The chain.', schema: answers.backends } },
  },
  {
    method: 'get',
    path: '/-/health',
    id: 'health',
    tag: 'Operations',
    summary: 'Liveness; asks no backend',
    answers: { 200: { description: 'Alive.', schema: answers.liveness } },
  },
  {
    method: 'get',
    path: '/-/metrics',
    id: 'metrics',
    tag: 'Operations',
    summary: 'Counters of this isolate, for Prometheus',
    protected: true,
    answers: { 200: { description: 'Prometheus text format.', type: 'text/plain' } },
  },
  {
    method: 'get',
    path: '/-/api/openapi.json',
    id: 'openapi',
    tag: 'Operations',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', type: 'application/json' } },
  },
  {
    method: 'get',
    path: '/-/docs',
    id: 'docs',
    tag: 'Operations',
    summary: 'A page to read this document',
    answers: { 200: { description: 'The page.', type: 'text/html' } },
  },
  {
    method: 'get',
    path: '/-/docs/errors',
    id: 'errorDocs',
    tag: 'Operations',
    summary: 'What the types of problem documents mean',
    answers: { 200: { description: 'The page.', type: 'text/html' } },
  },
]
