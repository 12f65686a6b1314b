# LLMMixer as an image. A container of it is one process: an API, or with the argument `worker` a worker.
# docs/deploy.md says how they go together. Nothing here needs BuildKit.

# The page, made with the development dependencies, which stay in this stage.
FROM node:24-bookworm AS page
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY dashboard dashboard
COPY scripts/first-load.mjs scripts/
RUN node node_modules/vite/bin/vite.js build --config dashboard/vite.config.ts

# What a run needs: node-pty built for this Node, without the binaries it brings for other systems.
FROM node:24-bookworm AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
RUN npm_config_nodedir=/usr/local npm rebuild node-pty --no-audit --no-fund && rm -r node_modules/node-pty/prebuilds

FROM node:24-bookworm-slim
WORKDIR /app
# Terminals need bash, and script(1) where node-pty fails; a base without them should fail here, not in a job.
RUN for name in bash script setsid; do command -v "$name" || { echo "$name is missing"; exit 1; }; done
# 1000 is the user `node` of the base. By number, so that an orchestrator sees that it is not root.
RUN install --directory --owner=1000 --group=1000 --mode=0700 /data
COPY --from=packages /app/node_modules node_modules
COPY --from=page /app/dist dist
COPY package.json LICENSE ./
COPY src src
COPY workers workers
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4400 LLMMIXER_DATA_DIR=/data
VOLUME /data
USER 1000:1000
EXPOSE 4400
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell in between: SIGTERM reaches node, which drains.
ENTRYPOINT ["node", "src/main.ts"]
CMD ["api"]
