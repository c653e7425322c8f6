# The server, the worker and the migrations in one image. Node strips the types as it reads the sources: there is nothing to build.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The package `node` is for machines with an older Node; the image has this one.
RUN npm ci --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/node node_modules/.bin/node \
  && npm cache clean --force

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 TESSERA_DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node /data
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY schema ./schema
COPY drizzle ./drizzle
COPY docs/guide ./docs/guide
COPY scripts ./scripts
COPY src ./src
USER node
VOLUME /data
EXPOSE 4000
# Whether it answers at all; whether it can do its work is asked at /health/ready.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--disable-warning=ExperimentalWarning", "--import", "./src/module-format.ts", "src/main.ts"]
