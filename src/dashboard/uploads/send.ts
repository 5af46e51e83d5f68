import { ApiError } from '../../client/client.ts'
import { namePath } from '../../client/request.ts'
import { base, expire } from '../session.ts'
import type { Send } from './queue.ts'

/** Stores a file by `POST save`, with XHR because fetch does not tell how much it has sent. */
export const sendFile: Send = ({ name, file }, { onProgress, signal }) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    xhr.open('POST', `${base}-/api/save/${namePath(name)}`)
    xhr.responseType = 'json'
    if (file.type !== '') xhr.setRequestHeader('Content-Type', file.type)
    xhr.upload.onprogress = ({ loaded }) => onProgress(loaded)
    xhr.onload = () => {
      const stored = (xhr.response as { name?: string } | null)?.name
      if (xhr.status === 201 && stored !== undefined) return resolve(stored)
      if (xhr.status === 401) expire()
      reject(toError(xhr))
    }
    xhr.onerror = () => reject(new TypeError('The connection was lost while sending.'))
    xhr.onabort = () => reject(new DOMException('Cancelled', 'AbortError'))
    signal.addEventListener('abort', () => xhr.abort())
    xhr.send(file)
  })

/** Cloudflare refuses a body that is too large before the Worker sees it, without a problem document. */
const TOO_LARGE =
  'The file is larger than Cloudflare accepts in one request: 100 MB on the Free and Pro plans, 200 MB on Business. Larger files go through the S3 API in parts.'

function toError({ status, response }: XMLHttpRequest): ApiError {
  const problem = response as ApiError['problem'] | null
  if (problem && 'detail' in problem) return new ApiError(problem)
  const detail = status === 413 ? TOO_LARGE : `The upload ended with the status ${status}.`
  const title = status === 413 ? 'Too large' : 'Not stored'
  return new ApiError({ type: 'about:blank', title, status, detail }, false)
}
