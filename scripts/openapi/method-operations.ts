import type { GenericSchema } from 'valibot'
import { existsBody, urlQuery } from '../../src/routes/api/schemas.ts'
import * as answers from './answers.ts'
import { READ, UPLOAD } from './media-operations.ts'
import { CHAIN_PROBLEMS, type Operation } from './operation.ts'

const tag = 'Storage methods'
const FINDING = [400, 404, ...CHAIN_PROBLEMS]

/** One for each method of Django's storage API. */
export const methodOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/-/api/open/{name}',
    id: 'open',
    tag,
    summary: 'The same as GET of the object',
    ...READ,
  },
  {
    method: 'post',
    path: '/-/api/save/{name}',
    id: 'save',
    tag,
    summary: 'Stores the body under the first available name; never replaces',
    protected: true,
    ...UPLOAD,
    answers: { 201: { description: 'The name it was stored under.', schema: answers.saved } },
    problems: [400, 413, 503, ...CHAIN_PROBLEMS],
  },
  {
    method: 'delete',
    path: '/-/api/delete/{name}',
    id: 'delete',
    tag,
    summary: 'Deletes the object',
    protected: true,
    answers: { 204: { description: 'Deleted, or not there to begin with.' } },
    problems: [400, ...CHAIN_PROBLEMS],
  },
  {
    method: 'get',
    path: '/-/api/exists/{name}',
    id: 'exists',
    tag,
    summary: 'Whether any backend has the name; false only if all proved that they do not',
    answers: { 200: { description: 'Whether it exists.', schema: answers.existence } },
    problems: [400, 502, 504, 508],
  },
  {
    method: 'post',
    path: '/-/api/exists',
    id: 'existsAll',
    tag,
    summary: 'Whether each of up to 100 names exists',
    description:
      'Up to 20 names without a token. Names times backends may be 500 at most. Fails as a whole when one of the names cannot be decided.',
    takesToken: true,
    body: { schema: existsBody, required: true },
    answers: { 200: { description: 'An answer for each name.', schema: answers.existences } },
    problems: [400, 413, 502, 504, 508],
  },
  finding('size', 'The size in bytes, from the first backend that has the object', answers.size),
  finding('accessed_time', 'When it was last read, where a backend can tell', answers.accessedTime),
  finding('created_time', 'When it was created, where a backend can tell', answers.createdTime),
  finding('modified_time', 'When it was last modified', answers.modifiedTime),
  {
    method: 'get',
    path: '/-/api/url/{name}',
    id: 'url',
    tag,
    summary: 'Where a client can fetch the object',
    description:
      'Of the first backend that has the object, or the last one if none has it; while migrating, of the first that makes URLs.',
    query: urlQuery,
    answers: { 200: { description: 'The URL.', schema: answers.url } },
    problems: [400, ...CHAIN_PROBLEMS],
  },
  {
    method: 'get',
    path: '/-/api/get_valid_name/{name}',
    id: 'getValidName',
    tag,
    summary: 'The name with its last segment made safe, by Django’s rules',
    answers: { 200: { description: 'The valid name.', schema: answers.validName } },
    problems: [400],
  },
  {
    method: 'get',
    path: '/-/api/get_available_name/{name}',
    id: 'getAvailableName',
    tag,
    summary: 'The name that a save would use now: itself, or an alternative when it is taken',
    answers: { 200: { description: 'The available name.', schema: answers.availableName } },
    problems: [400, ...CHAIN_PROBLEMS],
  },
  {
    method: 'get',
    path: '/-/api/path/{name}',
    id: 'path',
    tag,
    summary: 'The object’s place in a backend’s own terms, e.g. r2://bucket/key',
    protected: true,
    answers: { 200: { description: 'The path.', schema: answers.path } },
    problems: [400, 501],
  },
]

function finding(method: string, summary: string, schema: GenericSchema): Operation {
  const id = method.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
  const found = { 200: { description: 'What was asked.', schema } }
  return {
    method: 'get',
    path: `/-/api/${method}/{name}`,
    id,
    tag,
    summary,
    answers: found,
    problems: FINDING,
  }
}
