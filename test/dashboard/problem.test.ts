import { expect, it } from 'vitest'
import { ApiError, InvalidRequestError } from '../../src/client/client.ts'
import { describe as describeError } from '../../src/dashboard/parts/problem.tsx'

const notFound = new ApiError({
  type: 'about:blank',
  title: 'Not Found',
  status: 404,
  detail: 'it is deleted',
})

it.each([
  [notFound, 'Not Found'],
  [new TypeError('Failed to fetch'), 'The Worker cannot be reached'],
  [new InvalidRequestError('the name contains a ".." segment'), 'This name cannot be used'],
  [new Error('odd'), 'Something went wrong'],
])('%s has the title "%s"', (error, title) => {
  expect(describeError(error).title).toBe(title)
})
