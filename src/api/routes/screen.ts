import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { JobParams } from '../../contract/http.ts';
import { Problem } from '../../contract/problem.ts';
import { Screen } from '../../contract/screen.ts';
import { ScreenReader } from '../read-screen.ts';
import type { Services } from '../services.ts';

/** What the terminal of a job shows. */
export function screenRoutes(services: Services): FastifyPluginAsyncTypebox {
  const screens = new ScreenReader(services);
  return async (app) => {
    app.get(
      '/v1/jobs/:id/screen',
      {
        schema: {
          summary: 'See the terminal of an interactive command, while it runs and after',
          tags: ['jobs'],
          params: JobParams,
          response: { 200: Screen, '4xx': Problem, '5xx': Problem },
        },
      },
      async (request) => screens.read(request.params.id),
    );
  };
}
